/* Ask the kernel for more: privileges, namespaces, mounts, and its parts with a bad record. */
#define _GNU_SOURCE
#include "attack.h"
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>

static void mount_tmpfs(char *argument) { judge("mount", mount("none", scratch(""), "tmpfs", 0, "")); }
static void mount_bind(char *path) { judge("mount", mount(path, scratch(""), "", MS_BIND, "")); }
static void remount(char *path) {
    judge("mount", mount("none", path, "", MS_REMOUNT | MS_BIND, ""));
}
static void unmount(char *path) { judge("umount", umount2(path, MNT_DETACH)); }
static void new_mount_interface(char *argument) { judge("fsopen", syscall(SYS_fsopen, "tmpfs", 0)); }
static void clone_tree(char *argument) {
    judge("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */));
}
static void change_mounts(char *argument) {
    struct { unsigned long long set, clear, propagation, userns; } attributes = {.clear = 1};
    judge("mount_setattr",
          syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attributes, sizeof attributes));
}
static void change_root(char *argument) { judge("chroot", chroot(scratch(""))); }
static void pivot_root(char *argument) { judge("pivot_root", syscall(SYS_pivot_root, ".", ".")); }
static void unshare_user(char *argument) { judge("unshare", unshare(CLONE_NEWUSER)); }
static void unshare_network(char *argument) { judge("unshare", unshare(CLONE_NEWNET)); }
static void unshare_mounts(char *argument) { judge("unshare", unshare(CLONE_NEWNS)); }
static void join_namespace(char *argument) {
    judge("setns", setns(syscall(SYS_pidfd_open, getppid(), 0), CLONE_NEWNET));
}
static void clone_user(char *argument) {
    long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    judge("clone", child);
}
static void clone3_user(char *argument) {
    struct clone_args how = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long child = syscall(SYS_clone3, &how, sizeof how);
    if (child == 0) _exit(0);
    judge("clone3", child);
}

static void trace_me(char *argument) { judge("ptrace", ptrace(PTRACE_TRACEME, 0, 0, 0)); }
static void bpf_map(char *argument) {
    union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4,
                          .max_entries = 1};
    judge("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map));
}
static void key_ring(char *argument) {
    judge("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1));
}
static void add_key(char *argument) {
    judge("add_key", syscall(SYS_add_key, "user", "evil", "x", 1, KEY_SPEC_USER_KEYRING));
}
static void request_key(char *argument) {
    judge("request_key", syscall(SYS_request_key, "user", "evil", NULL, 0));
}
static void io_uring(char *argument) {
    char parameters[120] = {0};
    judge("io_uring_setup", syscall(SYS_io_uring_setup, 1, parameters));
}
static void user_faults(char *argument) {
    judge("userfaultfd", syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */));
}
static void performance_events(char *argument) {
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof event,
                                    .exclude_kernel = 1, .exclude_hv = 1};
    judge("perf_event_open", syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
}
static void file_events(char *argument) { judge("fanotify_init", syscall(SYS_fanotify_init, 0x200, 0)); }
static void load_kernel(char *argument) { judge("kexec_load", syscall(SYS_kexec_load, 0, 0, 0, 0)); }
static void load_module(char *argument) { judge("init_module", syscall(SYS_init_module, "", 0, "")); }
static void load_module_file(char *argument) {
    judge("finit_module", syscall(SYS_finit_module, 0, "", 0));
}
static void kernel_log(char *argument) {
    char line[16];
    judge("syslog", syscall(SYS_syslog, 3 /* read all */, line, sizeof line));
}
static void use_ports(char *argument) {
#ifdef SYS_ioperm
    judge("ioperm", syscall(SYS_ioperm, 0x80, 1, 1));
#else
    stopped_because("not on this processor", 0);
#endif
}
static void descriptor_table(char *argument) {
#ifdef SYS_modify_ldt
    char entries[16];
    judge("modify_ldt", syscall(SYS_modify_ldt, 0, entries, sizeof entries));
#else
    stopped_because("not on this processor", 0);
#endif
}
static void compatible_calls(char *argument) {
#ifdef __x86_64__
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L /* getpid */) : "memory", "r8", "r9", "r10", "r11");
    if (result < 0) stopped_because("int 0x80", result);
    worked("int 0x80", result);
#else
    stopped_because("not on this processor", 0);
#endif
}
static void x32_calls(char *argument) { judge("x32", syscall(0x40000000L | SYS_getpid)); }

static void become_root(char *argument) { judge("setresuid", setresuid(0, 0, 0)); }
static void all_capabilities(char *argument) {
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct all[2] = {{~0U, ~0U, 0}, {~0U, ~0U, 0}};
    judge("capset", syscall(SYS_capset, &head, all));
}
static void no_randomisation(char *argument) {
    judge("personality", syscall(SYS_personality, ADDR_NO_RANDOMIZE));
}
static void reading_executes(char *argument) {
    judge("personality", syscall(SYS_personality, READ_IMPLIES_EXEC));
}
static void dumpable(char *argument) { judge("prctl", prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); }
static void outlive_parent(char *argument) { judge("prctl", prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)); }
static void adopt(char *argument) { judge("prctl", prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); }
static void let_trace(char *argument) { judge("prctl", prctl(PR_SET_PTRACER, -1L, 0, 0, 0)); }
static void timer_slack(char *argument) { judge("prctl", prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)); }

static void raise_limits(char *argument) {
    static const int kinds[] = {RLIMIT_DATA, RLIMIT_NPROC, RLIMIT_FSIZE, RLIMIT_NOFILE,
                                RLIMIT_CPU, RLIMIT_CORE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE};
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        struct rlimit limit;
        if (getrlimit(kinds[kind], &limit)) stopped("getrlimit");
        if (limit.rlim_max == RLIM_INFINITY) worked("there is no limit of kind", kinds[kind]);
        limit.rlim_max++;
        if (setrlimit(kinds[kind], &limit) == 0) worked("setrlimit", kinds[kind]);
    }
    stopped("setrlimit");
}

static void shared_segment(char *argument) {
    judge("shmget", shmget(IPC_PRIVATE, 1 << 20, IPC_CREAT | 0600));
}
static void semaphores(char *argument) { judge("semget", semget(IPC_PRIVATE, 1, IPC_CREAT | 0600)); }
static void message_queue(char *argument) { judge("msgget", msgget(IPC_PRIVATE, IPC_CREAT | 0600)); }
static void named_queue(char *argument) {
    judge("mq_open", syscall(SYS_mq_open, "evil", O_RDWR | O_CREAT, 0600, NULL));
}

const struct attack kernel[] = {
    {"mount-tmpfs", mount_tmpfs},
    {"mount-bind", mount_bind},
    {"remount", remount},
    {"unmount", unmount},
    {"new-mount-interface", new_mount_interface},
    {"clone-tree", clone_tree},
    {"change-mounts", change_mounts},
    {"change-root", change_root},
    {"pivot-root", pivot_root},
    {"unshare-user", unshare_user},
    {"unshare-network", unshare_network},
    {"unshare-mounts", unshare_mounts},
    {"join-namespace", join_namespace},
    {"clone-user", clone_user},
    {"clone3-user", clone3_user},
    {"trace-me", trace_me},
    {"bpf-map", bpf_map},
    {"key-ring", key_ring},
    {"add-key", add_key},
    {"request-key", request_key},
    {"io-uring", io_uring},
    {"user-faults", user_faults},
    {"performance-events", performance_events},
    {"file-events", file_events},
    {"load-kernel", load_kernel},
    {"load-module", load_module},
    {"load-module-file", load_module_file},
    {"kernel-log", kernel_log},
    {"use-ports", use_ports},
    {"descriptor-table", descriptor_table},
    {"compatible-calls", compatible_calls},
    {"x32-calls", x32_calls},
    {"become-root", become_root},
    {"all-capabilities", all_capabilities},
    {"no-randomisation", no_randomisation},
    {"reading-executes", reading_executes},
    {"dumpable", dumpable},
    {"outlive-parent", outlive_parent},
    {"adopt", adopt},
    {"let-trace", let_trace},
    {"timer-slack", timer_slack},
    {"raise-limits", raise_limits},
    {"shared-segment", shared_segment},
    {"semaphores", semaphores},
    {"message-queue", message_queue},
    {"named-queue", named_queue},
    {NULL, NULL},
};
