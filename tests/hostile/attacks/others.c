/* Touch another process: the victim runs as the same user, as a scan beside this one would. */
#define _GNU_SOURCE
#include "attack.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>

static char byte;
static struct iovec here = {&byte, 1};

static void send_signal(char *pid) { judge("kill", kill(atoi(pid), SIGKILL)); }
static void send_to_thread(char *pid) { judge("tkill", syscall(SYS_tkill, atoi(pid), SIGKILL)); }
static void send_to_thread_of_group(char *pid) {
    judge("tgkill", syscall(SYS_tgkill, atoi(pid), atoi(pid), SIGKILL));
}
static void queue_signal(char *pid) {
    siginfo_t what = {.si_code = SI_QUEUE};
    judge("rt_sigqueueinfo", syscall(SYS_rt_sigqueueinfo, atoi(pid), SIGKILL, &what));
}
static void open_process(char *pid) { judge("pidfd_open", syscall(SYS_pidfd_open, atoi(pid), 0)); }
static void own_descriptor_signals(char *pid) { judge("fcntl", fcntl(1, F_SETOWN, atoi(pid))); }

/* Signal 0 asks whether one could. */
static void signal_all(char *argument) { judge("kill", kill(-1, 0)); }
static void signal_parent(char *argument) {
    if (getppid() <= 1) stopped_because("the parent is the namespace's own init", getppid());
    judge("kill", kill(getppid(), 0));
}

static void seize(char *pid) { judge("ptrace", ptrace(PTRACE_SEIZE, atoi(pid), 0, 0)); }
static void read_memory(char *pid) {
    struct iovec there = {(void *)0x400000, 1};
    if (process_vm_readv(atoi(pid), &here, 1, &there, 1, 0) < 0 && errno != EFAULT)
        stopped("process_vm_readv");
    worked("process_vm_readv", 0);
}
static void write_memory(char *pid) {
    struct iovec there = {(void *)0x400000, 1};
    if (process_vm_writev(atoi(pid), &here, 1, &there, 1, 0) < 0 && errno != EFAULT)
        stopped("process_vm_writev");
    worked("process_vm_writev", 0);
}
static void take_descriptor(char *pid) {
    judge("pidfd_getfd", syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, atoi(pid), 0), 0, 0));
}
static void compare(char *pid) {
    judge("kcmp", syscall(SYS_kcmp, atoi(pid), getpid(), 0 /* KCMP_FILE */, 0, 0));
}
static void limit(char *pid) {
    struct rlimit none = {3, 3};
    judge("prlimit", prlimit(atoi(pid), RLIMIT_NOFILE, &none, NULL));
}
static void read_limit(char *pid) {
    struct rlimit old;
    judge("prlimit", prlimit(atoi(pid), RLIMIT_NOFILE, NULL, &old));
}
static void slow_down(char *pid) { judge("setpriority", setpriority(PRIO_PROCESS, atoi(pid), 19)); }
static void slow_all(char *argument) {
    setpriority(PRIO_USER, 0, 19);
    tried("setpriority");
}
static void pin(char *pid) {
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    judge("sched_setaffinity", sched_setaffinity(atoi(pid), sizeof first, &first));
}

const struct attack others[] = {
    {"send-signal", send_signal},
    {"send-to-thread", send_to_thread},
    {"send-to-thread-of-group", send_to_thread_of_group},
    {"queue-signal", queue_signal},
    {"open-process", open_process},
    {"own-descriptor-signals", own_descriptor_signals},
    {"signal-all", signal_all},
    {"signal-parent", signal_parent},
    {"seize", seize},
    {"read-memory", read_memory},
    {"write-memory", write_memory},
    {"take-descriptor", take_descriptor},
    {"compare", compare},
    {"limit", limit},
    {"read-limit", read_limit},
    {"slow-down", slow_down},
    {"slow-all", slow_all},
    {"pin", pin},
    {NULL, NULL},
};
