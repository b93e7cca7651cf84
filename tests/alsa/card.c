/* A sound card made of files, as an ALSA plug-in: what a test needs of a microphone array and of a loudspeaker.
 *
 * As a microphone it gives what is on a tape (a file of s16le, all channels interleaved), as fast as the sound would come
 * or `speed` times as fast, and zeros after the end. As a loudspeaker it takes what is played at that pace, and leaves on
 * its tape what was really sounded, cut where it was stopped. The tape stands still while nobody runs the stream; it runs
 * on through an overrun. It will never give a sample that is not at that place on the tape, unless it is told to be broken.
 *
 * Like a real card it loses samples that nobody takes in time. With `patient 1` the tape waits for a process that the
 * machine is too busy for, so that a test knows every sample, and samples are lost only when the test wants it.
 *
 * A test breaks it through a page of memory, a file that both map: desk.py has the other half. While a process has
 * the device open it holds a lock on that file, which the kernel takes back however that process ends.
 *
 *     pcm.desk { type overheard  page "/p/desk.page"  tape "/p/desk.s16"  role "microphone"  channels 6  speed 1.0 }
 */
#define _GNU_SOURCE /* open file description locks */
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <fcntl.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum fault { NONE, WEDGED, SILENT, CONSTANT, HUMMING, CLIPPED }; /* in the order of desk.py */

struct page {                   /* shared with the test */
    volatile uint32_t unplugs;  /* how often the plug was pulled: odd while it is out */
    volatile uint32_t fault;    /* an enum fault */
    volatile uint32_t lose;     /* frames to lose in one overrun, then 0 */
    volatile uint32_t overruns; /* how many there were, whatever made them */
    volatile uint64_t position; /* the frame of the tape after the last that was given or sounded */
    volatile uint64_t opened;   /* how often any process has opened it, for whatever reason */
};

struct card {
    snd_pcm_ioplug_t io;
    struct page *page;
    int page_fd, tape_fd, timer_fd;
    int64_t rate, patient;
    double speed;
    uint32_t plugged_at;       /* `unplugs` when this stream was opened */
    int running, late;         /* late: after an overrun the tape's clock is not set anew */
    double zero_s;             /* when frame 0 of the tape sounds */
    int64_t origin, next;      /* the tape's frame at which this run began, and the next will */
    int64_t last;              /* what `pointer` said last */
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static int gone(const struct card *card) { return card->page->unplugs != card->plugged_at; }

static int is_microphone(const struct card *card) { return card->io.stream == SND_PCM_STREAM_CAPTURE; }

/* How many frames have sounded since this run began; none before its time has come. */
static int64_t sounded(const struct card *card)
{
    int64_t frames = (int64_t)((now_s() - card->zero_s) * card->rate * card->speed) - card->origin;
    return frames > 0 ? frames : 0;
}

static void set_timer(struct card *card, double every_s)
{
    struct timespec tick = {(time_t)every_s, (long)((every_s - (time_t)every_s) * 1e9)};
    struct itimerspec ticks = {tick, tick};
    timerfd_settime(card->timer_fd, 0, &ticks, NULL);
}

static int start(snd_pcm_ioplug_t *io)
{
    struct card *card = io->private_data;
    if (!card->late)
        card->zero_s = now_s() - card->origin / (card->rate * card->speed);
    card->late = 0;
    card->running = 1;
    set_timer(card, io->period_size / (card->rate * card->speed) / 4);
    return 0;
}

/* The run is over; the next begins at `frame` of the tape. What waits to be taken can still be. */
static void end_run(struct card *card, int64_t frame)
{
    card->running = 0;
    card->next = frame;
    card->page->position = (uint64_t)frame;
}

static int stop(snd_pcm_ioplug_t *io)
{
    struct card *card = io->private_data;
    int64_t done = (int64_t)io->appl_ptr; /* what the reader took, or the writer gave */
    set_timer(card, 0);
    if (!card->running)
        return 0;
    if (!is_microphone(card)) { /* what waited to be sounded never was */
        if (sounded(card) < done)
            done = sounded(card);
        if (ftruncate(card->tape_fd, (card->origin + done) * 2 * io->channels) < 0)
            return -errno;
    }
    end_run(card, card->origin + done);
    return 0;
}

static int prepare(snd_pcm_ioplug_t *io)
{
    struct card *card = io->private_data;
    card->origin = card->next;
    card->page->position = (uint64_t)card->origin;
    card->last = 0;
    return gone(card) ? -ENODEV : 0;
}

/* Samples are lost up to `frame` of the tape. */
static snd_pcm_sframes_t overrun(struct card *card, int64_t frame)
{
    end_run(card, frame);
    card->late = 1;
    card->page->overruns++;
    return -EPIPE;
}

/* Nobody came in time: `frames` are due, `most` fit. */
static snd_pcm_sframes_t too_late(struct card *card, int64_t frames, int64_t most)
{
    if (card->patient) {
        card->zero_s += (frames - most) / (card->rate * card->speed);
        return card->last = most;
    }
    return overrun(card, card->origin + (is_microphone(card) ? frames : most));
}

static snd_pcm_sframes_t pointer(snd_pcm_ioplug_t *io)
{
    struct card *card = io->private_data;
    int64_t taken = (int64_t)io->appl_ptr, frames = sounded(card);
    int64_t most = is_microphone(card) ? taken + (int64_t)io->buffer_size : taken;
    uint32_t lose = card->page->lose;
    if (gone(card))
        return -ENODEV;
    if (!card->running || card->page->fault == WEDGED)
        return card->last;
    if (lose) {
        card->page->lose = 0;
        return overrun(card, card->origin + taken + lose);
    }
    if (frames > most)
        return io->state == SND_PCM_STATE_DRAINING ? most : too_late(card, frames, most);
    return card->last = frames;
}

static int16_t broken(uint32_t fault, int16_t sample, double second)
{
    switch (fault) {
    case SILENT: return 0;
    case CONSTANT: return 321;
    case HUMMING: return (int16_t)lrint(6000 * sin(2 * M_PI * 50 * second));
    case CLIPPED: return sample < 0 ? -32768 : 32767;
    default: return sample;
    }
}

static void read_tape(struct card *card, int16_t *samples, snd_pcm_uframes_t frames, int64_t first)
{
    size_t wanted = 2 * card->io.channels * frames;
    ssize_t got = pread(card->tape_fd, samples, wanted, first * 2 * card->io.channels);
    uint32_t fault = card->page->fault;
    if (got < 0)
        got = 0;
    memset((char *)samples + got, 0, wanted - (size_t)got);
    for (size_t n = 0; fault && n < wanted / 2; n++)
        samples[n] = broken(fault, samples[n], (first + n / card->io.channels) / (double)card->rate);
}

static snd_pcm_sframes_t transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
                                  snd_pcm_uframes_t offset, snd_pcm_uframes_t frames)
{
    struct card *card = io->private_data;
    int16_t *samples = (int16_t *)((char *)areas->addr + (areas->first + areas->step * offset) / 8);
    int64_t first = card->origin + (int64_t)io->appl_ptr;
    if (gone(card))
        return -ENODEV;
    if (is_microphone(card))
        read_tape(card, samples, frames, first);
    else if (pwrite(card->tape_fd, samples, 2 * io->channels * frames, first * 2 * io->channels) < 0)
        return -errno;
    card->page->position = (uint64_t)(first + frames);
    return (snd_pcm_sframes_t)frames;
}

/* Whether a whole period waits to be taken, or fits in: before that a driver wakes nobody. */
static int ready(const struct card *card)
{
    int64_t taken = (int64_t)card->io.appl_ptr, frames = sounded(card);
    int64_t waiting = is_microphone(card) ? frames - taken : (int64_t)card->io.buffer_size - (taken - frames);
    return !card->running || card->page->lose || waiting >= (int64_t)card->io.period_size;
}

static int poll_revents(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned count, unsigned short *revents)
{
    struct card *card = io->private_data;
    uint64_t ticks;
    int ticked = count && (fds[0].revents & POLLIN) && read(card->timer_fd, &ticks, sizeof ticks) > 0;
    *revents = 0;
    if (gone(card))
        *revents = POLLERR | POLLNVAL;
    else if (ticked && card->page->fault != WEDGED && ready(card))
        *revents = is_microphone(card) ? POLLIN : POLLOUT;
    return 0;
}

static int close_card(snd_pcm_ioplug_t *io)
{
    struct card *card = io->private_data;
    if (card->page)
        munmap(card->page, sizeof *card->page);
    close(card->page_fd); /* and with it the lock */
    close(card->tape_fd);
    close(card->timer_fd);
    free(card);
    return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
    .start = start, .stop = stop, .pointer = pointer, .transfer = transfer, .prepare = prepare,
    .poll_revents = poll_revents, .close = close_card,
};

/* Opens the page, the tape and the timer, and takes the lock: a card has one user at a time. */
static int open_files(struct card *card, const char *page, const char *tape)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    card->page_fd = open(page, O_RDWR | O_CLOEXEC);
    card->tape_fd = open(tape, O_RDWR | O_CLOEXEC);
    card->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (card->page_fd < 0 || card->tape_fd < 0 || card->timer_fd < 0)
        return -errno;
    card->page = mmap(NULL, sizeof *card->page, PROT_READ | PROT_WRITE, MAP_SHARED, card->page_fd, 0);
    if (card->page == MAP_FAILED) {
        card->page = NULL;
        return -errno;
    }
    card->plugged_at = card->page->unplugs;
    card->origin = card->next = (int64_t)card->page->position;
    if (card->plugged_at % 2)
        return -ENODEV;
    if (fcntl(card->page_fd, F_OFD_SETLK, &lock) < 0)
        return -EBUSY;
    card->page->opened++;
    return 0;
}

/* What the card can do: one number of channels, one rate, one format, as a microphone array has. */
static void limit(struct card *card, long channels)
{
    static const unsigned access[] = {SND_PCM_ACCESS_MMAP_INTERLEAVED, SND_PCM_ACCESS_RW_INTERLEAVED};
    static const unsigned format[] = {SND_PCM_FORMAT_S16_LE}; /* without MMAP PortAudio hangs after an overrun */
    snd_pcm_ioplug_t *io = &card->io;
    unsigned frame = 2 * (unsigned)channels;
    snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 2, access);
    snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 1, format);
    snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS, channels, channels);
    snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_RATE, card->rate, card->rate);
    snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 64 * frame, 16384 * frame);
    snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIODS, 2, 64);
}

static void set(snd_config_t *conf, const char *key, const char **text, long *whole, double *real)
{
    snd_config_t *node;
    if (snd_config_search(conf, key, &node) < 0)
        return; /* it has its default */
    if (text)
        snd_config_get_string(node, text);
    if (whole)
        snd_config_get_integer(node, whole);
    if (real)
        snd_config_get_ireal(node, real);
}

SND_PCM_PLUGIN_DEFINE_FUNC(overheard)
{
    const char *page = "", *tape = "", *role = "microphone";
    long channels = 1, rate = 16000, patient = 0;
    double speed = 1;
    (void)root;
    set(conf, "page", &page, NULL, NULL);
    set(conf, "tape", &tape, NULL, NULL);
    set(conf, "role", &role, NULL, NULL);
    set(conf, "channels", NULL, &channels, NULL);
    set(conf, "rate", NULL, &rate, NULL);
    set(conf, "patient", NULL, &patient, NULL);
    set(conf, "speed", NULL, NULL, &speed);
    if ((stream == SND_PCM_STREAM_CAPTURE) != !strcmp(role, "microphone"))
        return -EINVAL;
    struct card *card = calloc(1, sizeof *card);
    if (!card)
        return -ENOMEM;
    card->rate = rate;
    card->patient = patient;
    card->speed = speed;
    card->io = (snd_pcm_ioplug_t){.version = SND_PCM_IOPLUG_VERSION, .name = "A sound card made of files",
                                  .flags = SND_PCM_IOPLUG_FLAG_BOUNDARY_WA, .poll_events = POLLIN,
                                  .callback = &callbacks, .private_data = card};
    int error = open_files(card, page, tape);
    card->io.poll_fd = card->timer_fd;
    if (!error)
        error = snd_pcm_ioplug_create(&card->io, name, stream, mode);
    if (error) {
        close_card(&card->io);
        return error;
    }
    limit(card, channels);
    *pcmp = card->io.pcm;
    return 0;
}
SND_PCM_PLUGIN_SYMBOL(overheard);
