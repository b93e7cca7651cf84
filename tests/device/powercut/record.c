/* Records what a process does to the files of one folder, so that a disk can be rebuilt as a power cut left it.
 *
 * LD_PRELOAD this with POWERCUT_FOLDER and POWERCUT_LOG set. It never changes what a call does. One record a
 * call, written to the log before the call returns to whoever made it:
 *
 *     op (1 byte), file (4), offset (8), length (4), then `length` bytes; all little endian
 *
 * `file` numbers inodes in the order in which they were first opened; 0 is the folder itself.
 *
 *     C  created or opened   data: its name       W  written     offset, data
 *     T  truncated           offset: the size     S  synced      (0: the folder)
 *     R  renamed             data: old\0new       U  unlinked    data: its name
 *
 * What is written through mmap is not seen: of SQLite's files that is the -shm alone, which no recovery needs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define MOST 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[1024];
static size_t folder_length;
static int log_fd = -1, deaf;
static int file_of_fd[MOST];             /* 0: not ours; else 1 + the number of the file */
static ino_t inodes[MOST];
static int known = 1;                    /* 0 is the folder */

#define REAL(name, result, ...)                                     \
    static result (*real)(__VA_ARGS__);                             \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void)
{
    const char *where = getenv("POWERCUT_FOLDER"), *log = getenv("POWERCUT_LOG");
    if (!where || !log || !realpath(where, folder)) return;
    folder_length = strlen(folder);
    deaf = getenv("POWERCUT_DEAF") != NULL; /* a disk that says it has synced and has not */
    log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static ssize_t put(int fd, const void *data, size_t length)
{
    REAL("write", ssize_t, int, const void *, size_t);
    return real(fd, data, length);
}

static void record(char op, int file, int64_t offset, const void *data, size_t length)
{
    unsigned char head[17];
    uint32_t number = (uint32_t)file, size = (uint32_t)length;
    head[0] = (unsigned char)op;
    memcpy(head + 1, &number, 4);
    memcpy(head + 5, &offset, 8);
    memcpy(head + 13, &size, 4);
    if (put(log_fd, head, sizeof head) != (ssize_t)sizeof head) abort();
    if (length && put(log_fd, data, length) != (ssize_t)length) abort();
}

/* The inode of this name is about to be free, and may come back as another file. */
static int number_named(const char *path)
{
    struct stat found;
    if (stat(path, &found)) return 0;
    for (int file = known - 1; file > 0; file--)
        if (inodes[file] == found.st_ino) return file;
    return 0;
}

/* The name of a file that lies in the folder itself, or NULL; "" is the folder. */
static const char *ours(const char *path)
{
    static __thread char full[2048];
    if (log_fd < 0) return NULL;
    if (path[0] != '/') {
        if (!getcwd(full, 1000)) return NULL;
        strcat(full, "/");
        strncat(full, path, 1000);
        path = full;
    }
    if (strncmp(path, folder, folder_length)) return NULL;
    path += folder_length;
    if (*path == 0) return path;
    return *path == '/' && !strchr(path + 1, '/') ? path + 1 : NULL;
}

static int number_of(int fd)
{
    struct stat found;
    if (fstat(fd, &found)) return 0;
    for (int file = known - 1; file > 0; file--)
        if (inodes[file] == found.st_ino) return file;
    if (known == MOST) abort();
    inodes[known] = found.st_ino;
    return known++;
}

static int opened(int fd, const char *path, int flags)
{
    const char *name = fd >= 0 && fd < MOST ? ours(path) : NULL;
    if (!name) return fd;
    pthread_mutex_lock(&lock);
    if (*name) {
        int file = number_of(fd);
        file_of_fd[fd] = 1 + file;
        record('C', file, 0, name, strlen(name));
        if (flags & O_TRUNC) record('T', file, 0, NULL, 0);
    } else {
        file_of_fd[fd] = 1;
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN(name)                                                  \
    int name(const char *path, int flags, ...)                      \
    {                                                               \
        REAL(#name, int, const char *, int, ...);                   \
        va_list rest;                                               \
        va_start(rest, flags);                                      \
        mode_t mode = va_arg(rest, mode_t);                         \
        va_end(rest);                                               \
        return opened(real(path, flags, mode), path, flags);        \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                \
    int name(int at, const char *path, int flags, ...)              \
    {                                                               \
        REAL(#name, int, int, const char *, int, ...);              \
        va_list rest;                                               \
        va_start(rest, flags);                                      \
        mode_t mode = va_arg(rest, mode_t);                         \
        va_end(rest);                                               \
        return opened(real(at, path, flags, mode), path, flags);    \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd)
{
    REAL("close", int, int);
    if (fd >= 0 && fd < MOST) file_of_fd[fd] = 0;
    return real(fd);
}

static int file_at(int fd) { return fd >= 0 && fd < MOST ? file_of_fd[fd] - 1 : -1; }

static ssize_t written(int fd, const void *data, ssize_t length, int64_t offset)
{
    int kept = errno, file = file_at(fd);
    if (length > 0 && file > 0) {
        pthread_mutex_lock(&lock);
        record('W', file, offset, data, (size_t)length);
        pthread_mutex_unlock(&lock);
    }
    errno = kept;
    return length;
}

ssize_t write(int fd, const void *data, size_t length)
{
    REAL("write", ssize_t, int, const void *, size_t);
    if (file_at(fd) <= 0) return real(fd, data, length);
    int append = fcntl(fd, F_GETFL) & O_APPEND;
    int64_t offset = lseek(fd, 0, append ? SEEK_END : SEEK_CUR);
    return written(fd, data, real(fd, data, length), offset);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    REAL("pwrite", ssize_t, int, const void *, size_t, off_t);
    return written(fd, data, real(fd, data, length, offset), offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
    REAL("pwrite64", ssize_t, int, const void *, size_t, off64_t);
    return written(fd, data, real(fd, data, length, offset), offset);
}

static int done(int result, char op, int file, int64_t offset, const void *data, size_t length)
{
    int kept = errno;
    if (!result && file >= 0) {
        pthread_mutex_lock(&lock);
        record(op, file, offset, data, length);
        pthread_mutex_unlock(&lock);
    }
    errno = kept;
    return result;
}

#define TRUNCATE(name, size_type)                                   \
    int name(int fd, size_type size)                                \
    {                                                               \
        REAL(#name, int, int, size_type);                           \
        return done(real(fd, size), 'T', file_at(fd), size, NULL, 0); \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                                  \
    int name(int fd)                                                \
    {                                                               \
        REAL(#name, int, int);                                      \
        return done(real(fd), 'S', deaf ? -1 : file_at(fd), 0, NULL, 0); \
    }
SYNC(fsync)
SYNC(fdatasync)

int rename(const char *old, const char *new)
{
    REAL("rename", int, const char *, const char *);
    char both[2048];
    const char *from = ours(old), *to = NULL;
    size_t length = 0;
    if (from) {
        length = strlen(from) + 1;
        memcpy(both, from, length);
        to = ours(new);
    }
    if (from && to) {
        strcpy(both + length, to);
        length += strlen(to);
    }
    int gone = to ? number_named(new) : 0, result = real(old, new);
    if (!result) inodes[gone] = 0;
    return done(result, 'R', from && to ? 0 : -1, 0, both, length);
}

int unlink(const char *path)
{
    REAL("unlink", int, const char *);
    const char *name = ours(path);
    char kept[1024] = "";
    if (name) strncpy(kept, name, sizeof kept - 1);
    int gone = name ? number_named(path) : 0, result = real(path);
    if (!result) inodes[gone] = 0;
    return done(result, 'U', name ? 0 : -1, 0, kept, strlen(kept));
}
