/* Change what is the host's: its files, and what is shared between scans. */
#define _GNU_SOURCE
#include "attack.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static int readable(const char *path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) stopped("open");
    return fd;
}

static void truncate_path(char *path) { judge("truncate", syscall(SYS_truncate, path, 0L)); }
static void truncate_at_open(char *path) {
    judge("openat", syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_TRUNC, 0));
}
static void truncate_by_openat2(char *path) {
    struct open_how how = {.flags = O_RDONLY | O_TRUNC};
    judge("openat2", syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
}
static void truncate_at_old_open(char *path) {
#ifdef SYS_open
    judge("open", syscall(SYS_open, path, O_RDONLY | O_TRUNC, 0));
#else
    stopped_because("not on this processor", 0);
#endif
}
static void write_file(char *path) { judge("open", open(path, O_WRONLY)); }
static void create_file(char *path) { judge("open", open(path, O_WRONLY | O_CREAT, 0600)); }
static void make_directory(char *path) { judge("mkdirat", mkdirat(AT_FDCWD, path, 0700)); }
static void make_socket(char *path) { judge("mknod", mknod(path, S_IFSOCK | 0600, 0)); }
static void make_link(char *path) { judge("symlink", symlink("/etc/passwd", path)); }
static void remove_file(char *path) { judge("unlinkat", unlinkat(AT_FDCWD, path, 0)); }
static void rename_file(char *path) {
    judge("renameat", syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, scratch("stolen"), 0));
}
static void hard_link(char *path) { judge("link", link(path, scratch("linked"))); }
/* A sandbox may say "done" and do nothing. */
static void change_mode(char *path) {
    if (fchmodat(AT_FDCWD, path, 0666, 0)) stopped("chmod");
    tried("chmod");
}
static void change_mode_by_descriptor(char *path) { judge("fchmod", fchmod(readable(path), 0606)); }
static void change_owner(char *path) { judge("chown", chown(path, getuid(), getgid())); }
static void change_times(char *path) {
    struct timespec times[2] = {{1, 0}, {1, 0}};
    judge("utimensat", utimensat(AT_FDCWD, path, times, 0));
}
static void change_attribute(char *path) {
    judge("setxattr", setxattr(path, "user.evil", "x", 1, 0));
}
static void write_mapping(char *path) {
    void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, readable(path), 0);
    if (page == MAP_FAILED) stopped("mmap");
    worked("mmap", 0);
}

/* These would stall every other scan, and the update. */
static void lock_exclusively(char *path) {
    if (flock(readable(path), LOCK_EX | LOCK_NB)) stopped("flock");
    /* It may have been told so only: then another one is not kept out. */
    if (flock(readable(path), LOCK_SH | LOCK_NB)) worked("flock", errno);
    stopped_because("nothing is locked", 0);
}
static void lease(char *path) { judge("fcntl", fcntl(readable(path), F_SETLEASE, F_RDLCK)); }
static void notify(char *path) { judge("fcntl", fcntl(readable(path), F_NOTIFY, DN_MODIFY)); }

/* Through a link that it made in the one place where it may. */
static void write_through_link(char *path) {
    char *link = scratch("link");
    if (symlink(path, link)) stopped("symlink");
    judge("open", open(link, O_WRONLY | O_CREAT, 0600));
}

static void make_device(char *argument) {
    judge("mknod", mknod(scratch("device"), S_IFCHR | 0600, makedev(1, 1)));
}
static _Noreturn void judge_bits(int fd) {
    struct stat status;
    if (fd < 0 || fstat(fd, &status)) stopped("open");
    if (status.st_mode & 07000) worked("special mode", status.st_mode);
    stopped_because("cleared", 0);
}
static void set_user_bit(char *argument) {
    int fd = scratch_file("bits", O_WRONLY);
    if (fchmodat(AT_FDCWD, scratch("bits"), 04755, 0)) stopped("chmod");
    judge_bits(fd);
}
static void set_user_bit_by_descriptor(char *argument) {
    int fd = scratch_file("bits", O_WRONLY);
    if (fchmod(fd, 04755)) stopped("fchmod");
    judge_bits(fd);
}
static void create_with_user_bit(char *argument) {
    judge_bits(open(scratch("born"), O_WRONLY | O_CREAT, 04755));
}
static void create_nameless_with_user_bit(char *argument) {
    judge_bits(open(scratch(""), O_WRONLY | O_TMPFILE, 04755));
}

const struct attack changes[] = {
    {"truncate", truncate_path},
    {"truncate-at-open", truncate_at_open},
    {"truncate-by-openat2", truncate_by_openat2},
    {"truncate-at-old-open", truncate_at_old_open},
    {"write-file", write_file},
    {"create-file", create_file},
    {"make-directory", make_directory},
    {"make-socket", make_socket},
    {"make-link", make_link},
    {"remove-file", remove_file},
    {"rename-file", rename_file},
    {"hard-link", hard_link},
    {"change-mode", change_mode},
    {"change-mode-by-descriptor", change_mode_by_descriptor},
    {"change-owner", change_owner},
    {"change-times", change_times},
    {"change-attribute", change_attribute},
    {"write-mapping", write_mapping},
    {"lock-exclusively", lock_exclusively},
    {"lease", lease},
    {"notify", notify},
    {"write-through-link", write_through_link},
    {"make-device", make_device},
    {"set-user-bit", set_user_bit},
    {"set-user-bit-by-descriptor", set_user_bit_by_descriptor},
    {"create-with-user-bit", create_with_user_bit},
    {"create-nameless-with-user-bit", create_nameless_with_user_bit},
    {NULL, NULL},
};
