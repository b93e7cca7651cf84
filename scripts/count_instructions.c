/* A plugin for qemu's user mode: how many instructions each thread of a program executed.
 *
 *   gcc -O2 -shared -fPIC -o count.so count_instructions.c
 *   qemu-aarch64 -plugin ./count.so -d plugin -D LOG PROGRAM
 *
 * At the end LOG has a line a thread, "thread 0: 123456789", in the order they began: the first is the one the
 * program began with. It counts blocks as they are entered, so a block that a signal leaves in its middle counts
 * whole: a handful in a billion.
 *
 * What it needs of qemu-plugin.h, version 1 of that interface (qemu 4.2 to 9.1), is declared here: Debian ships
 * the programs without the header.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define VISIBLE __attribute__((visibility("default")))
#define MOST_THREADS 256

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
enum registers { NO_REGISTERS };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), enum registers, void *);
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
void qemu_plugin_outs(const char *);

VISIBLE int qemu_plugin_version = 1;

/* A line of the cache for each, so that threads do not wait for one another. */
static struct { uint64_t count; char rest[56]; } threads[MOST_THREADS];

static void entered(unsigned thread, void *instructions)
{
    threads[thread % MOST_THREADS].count += (uintptr_t)instructions;
}

static void translated(plugin_id id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, entered, NO_REGISTERS, (void *)qemu_plugin_tb_n_insns(block));
}

static void ended(plugin_id id, void *nothing)
{
    char line[64];

    (void)id, (void)nothing;
    for (unsigned thread = 0; thread < MOST_THREADS; thread++)
        if (threads[thread].count) {
            snprintf(line, sizeof line, "thread %u: %" PRIu64 "\n", thread, threads[thread].count);
            qemu_plugin_outs(line);
        }
}

VISIBLE int qemu_plugin_install(plugin_id id, const void *about, int count, char **arguments)
{
    (void)about, (void)count, (void)arguments;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
