/* Fill memory, disk and pipes. Each ends by itself at several times the limits of the test. */
#define _GNU_SOURCE
#include "attack.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB (1L << 20)
#define MEMORY (768 * MIB)
#define DISK (128 * MIB)
#define FILES 120000
/* Longer than a watchdog needs to look. */
#define HOLD_MS 3000

static char block[MIB];

static void fill(int fd, long bytes, const char *what) {
    memset(block, 'x', sizeof block);
    for (long written = 0; written < bytes;) {
        long more = write(fd, block, sizeof block);
        if (more < 0) stopped(what);
        written += more;
    }
}

static void flood_output(char *argument) {
    fill(1, DISK, "write");
    worked("write", DISK);
}
static void flood_messages(char *argument) {
    fill(2, DISK, "write");
    tried("write");
}

static void flood_file(char *argument) {
    signal(SIGXFSZ, SIG_IGN);
    fill(scratch_file("flood", O_WRONLY), DISK, "write");
    rest(HOLD_MS);
    worked("write", DISK);
}
static void flood_files(char *argument) {
    char name[32];
    for (int made = 0; made < DISK / MIB; made++) {
        snprintf(name, sizeof name, "flood-%d", made);
        int fd = scratch_file(name, O_WRONLY);
        fill(fd, MIB, "write");
        close(fd);
    }
    rest(HOLD_MS);
    worked("write", DISK);
}
static void flood_deleted_file(char *argument) {
    for (int made = 0; made < DISK / MIB; made++) {
        int fd = scratch_file("flood", O_WRONLY);
        unlinkat(AT_FDCWD, scratch("flood"), 0);
        fill(fd, MIB, "write");
    }
    rest(HOLD_MS);
    worked("write", DISK);
}
static void flood_inodes(char *argument) {
    char name[32];
    for (int made = 0; made < FILES; made++) {
        snprintf(name, sizeof name, "%d", made);
        close(scratch_file(name, O_WRONLY));
    }
    rest(HOLD_MS);
    worked("open", FILES);
}
static void flood_directories(char *argument) {
    char name[32];
    for (int made = 0; made < FILES; made++) {
        snprintf(name, sizeof name, "%d", made);
        if (mkdirat(AT_FDCWD, scratch(name), 0700)) stopped("mkdirat");
    }
    rest(HOLD_MS);
    worked("mkdir", FILES);
}
static void huge_file(char *argument) {
    signal(SIGXFSZ, SIG_IGN);
    judge("ftruncate", ftruncate(scratch_file("huge", O_WRONLY), 1L << 40));
}
static void reserve_file(char *argument) {
    signal(SIGXFSZ, SIG_IGN);
    judge("fallocate", fallocate(scratch_file("huge", O_WRONLY), 0, 0, DISK));
}

static void flood_memory(int flags, int fd) {
    for (long taken = 0; taken < MEMORY; taken += 4 * MIB) {
        char *more = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, flags, fd, fd < 0 ? 0 : taken);
        if (more == MAP_FAILED) stopped_because("mmap failed at MiB", taken / MIB);
        memset(more, 'x', 4 * MIB);
    }
    rest(HOLD_MS);
    worked("memory", MEMORY);
}
static void private_memory(char *argument) { flood_memory(MAP_PRIVATE | MAP_ANONYMOUS, -1); }
static void shared_memory(char *argument) { flood_memory(MAP_SHARED | MAP_ANONYMOUS, -1); }
static void memory_file(char *argument) {
    int fd = memfd_create("flood", 0);
    if (fd < 0) stopped("memfd_create");
    if (ftruncate(fd, MEMORY)) stopped("ftruncate");
    flood_memory(MAP_SHARED, fd);
}

/* Reading one byte in two MiB costs a page of page table, and none that a limit counts. */
static void page_tables(char *argument) {
    const long step = 2 * MIB, steps = MEMORY / 4096;
    const char *wide = mmap(NULL, step * steps, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                            -1, 0);
    long sum = 0;
    if (wide == MAP_FAILED) stopped("mmap");
    madvise((void *)wide, step * steps, MADV_NOHUGEPAGE);
    for (long at = 0; at < steps; at++) sum += *(volatile const char *)(wide + at * step);
    rest(HOLD_MS);
    worked("page tables", MEMORY + sum);
}

/* /proc/PID shows what the first thread has. The others may live on without it. */
static void *filling_disk(void *argument) {
    rest(200);
    flood_deleted_file(argument);
    return NULL;
}
static void *filling_memory(void *argument) {
    rest(200);
    shared_memory(argument);
    return NULL;
}
static void end_first_thread(void *(*and_then)(void *)) {
    pthread_t other;
    if (pthread_create(&other, NULL, and_then, NULL)) stopped("clone");
    syscall(SYS_exit, 0);
}
static void deleted_file_of_thread(char *argument) { end_first_thread(filling_disk); }
static void memory_of_thread(char *argument) { end_first_thread(filling_memory); }

static void lock_memory(char *argument) { judge("mlock", mlock(block, sizeof block)); }

static void flood_descriptors(char *argument) {
    int both[2];
    for (int made = 0; made < 4096; made++)
        if (pipe2(both, 0)) stopped_because("pipe failed after", made);
    worked("pipe", 4096);
}

const struct attack floods[] = {
    {"flood-output", flood_output},
    {"flood-messages", flood_messages},
    {"flood-file", flood_file},
    {"flood-files", flood_files},
    {"flood-deleted-file", flood_deleted_file},
    {"flood-deleted-file-of-thread", deleted_file_of_thread},
    {"flood-inodes", flood_inodes},
    {"flood-directories", flood_directories},
    {"huge-file", huge_file},
    {"reserve-file", reserve_file},
    {"private-memory", private_memory},
    {"shared-memory", shared_memory},
    {"memory-file", memory_file},
    {"shared-memory-of-thread", memory_of_thread},
    {"page-tables", page_tables},
    {"lock-memory", lock_memory},
    {"flood-descriptors", flood_descriptors},
    {NULL, NULL},
};

/* What a scan must be able to do: else a sandbox in which nothing runs would pass. */
static void may_write(char *argument) {
    judge("write", write(scratch_file("mine", O_WRONLY), "x", 1));
}
static void may_read(char *path) {
    char byte;
    int fd = open(path, O_RDONLY);
    if (fd < 0) stopped("open");
    judge("read", read(fd, &byte, 1));
}
static void may_speak(char *argument) { worked("write", 1); }

const struct attack controls[] = {
    {"may-write", may_write},
    {"may-read", may_read},
    {"may-speak", may_speak},
    {NULL, NULL},
};
