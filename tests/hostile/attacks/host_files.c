/* Read what was not given: files, /proc, the environment, descriptors. */
#define _GNU_SOURCE
#include "attack.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

extern char **environ;

static void read_file(char *path) {
    char byte;
    int fd = open(path, O_RDONLY);
    if (fd < 0) stopped("open");
    judge("read", read(fd, &byte, 1));
}

static void read_by_openat2(char *path) {
    struct open_how how = {.flags = O_RDONLY};
    judge("openat2", syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
}

static void read_of_process(const char *format, long pid) {
    char path[64];
    snprintf(path, sizeof path, format, pid);
    read_file(path);
}

static void read_init_environment(char *argument) { read_of_process("/proc/%ld/environ", 1); }
static void read_parent_environment(char *argument) {
    read_of_process("/proc/%ld/environ", getppid());
}
static void read_victim_environment(char *pid) { read_of_process("/proc/%ld/environ", atol(pid)); }
static void read_victim_memory(char *pid) { read_of_process("/proc/%ld/maps", atol(pid)); }

static void list_directory(char *path) {
    DIR *directory = opendir(path);
    if (!directory) stopped("opendir");
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.') worked("readdir", 0);
    stopped_because("empty", 0);
}

static void scan_processes(char *argument) { list_directory("/proc"); }
static void list_sys(char *argument) { list_directory("/sys"); }
static void list_dev(char *argument) { list_directory("/dev"); }

/* Writing there changes memory whatever its protection. */
static void own_memory_file(char *argument) { judge("open", open("/proc/self/mem", O_RDWR)); }

static void environment(char *argument) {
    for (char **one = environ; *one; one++) {
        if (strstr(*one, argument)) worked("canary", 0);
        if (strncmp(*one, "HOME=", 5) && strncmp(*one, "TMPDIR=", 7) && strncmp(*one, "PWD=", 4))
            worked(*one, 0);
    }
    stopped_because("empty", 0);
}

static void inherited_descriptors(char *argument) {
    for (int fd = 3; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) >= 0) worked("descriptor", fd);
    stopped("fcntl");
}

static void standard_input(char *argument) {
    char byte;
    long got = read(0, &byte, 1);
    if (got == 0) stopped_because("at its end", 0);
    judge("read", got);
}

static void handle(char *path) {
    struct { struct file_handle head; char bytes[128]; } handle = {.head.handle_bytes = 128};
    int mount;
    syscall(SYS_name_to_handle_at, AT_FDCWD, path, &handle, &mount, 0);
    judge("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, &handle, O_RDONLY));
}

const struct attack host_files[] = {
    {"read-file", read_file},
    {"read-by-openat2", read_by_openat2},
    {"read-init-environment", read_init_environment},
    {"read-parent-environment", read_parent_environment},
    {"read-victim-environment", read_victim_environment},
    {"read-victim-memory", read_victim_memory},
    {"scan-processes", scan_processes},
    {"list-directory", list_directory},
    {"list-sys", list_sys},
    {"list-dev", list_dev},
    {"own-memory-file", own_memory_file},
    {"environment", environment},
    {"inherited-descriptors", inherited_descriptors},
    {"standard-input", standard_input},
    {"handle", handle},
    {NULL, NULL},
};
