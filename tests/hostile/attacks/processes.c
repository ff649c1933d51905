/* Be many, be long, or stay behind. All bounds are here too: a broken sandbox must not cost a host. */
#define _GNU_SOURCE
#include "attack.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define MANY 600
#define LONG_MS 15000

static void fork_bomb(char *argument) {
    for (int made = 0; made < MANY; made++) {
        pid_t child = fork();
        if (child < 0) stopped_because("fork failed after", made);
        if (child == 0) {
            rest(LONG_MS);
            _exit(0);
        }
    }
    worked("fork", MANY);
}

static void vfork_bomb(char *argument) {
    pid_t child = vfork();
    if (child == 0) _exit(0);
    judge("vfork", child);
}

static void *idle(void *nothing) {
    rest(LONG_MS);
    return nothing;
}

static void thread_bomb(char *argument) {
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    for (int made = 0; made < MANY; made++) {
        pthread_t thread;
        if (pthread_create(&thread, &small, idle, NULL)) stopped_because("clone failed after", made);
    }
    worked("pthread_create", MANY);
}

/* The host looks for its marker. */
static void stay_behind(char *argument) {
    pid_t child = fork();
    if (child < 0) stopped("fork");
    if (child == 0) {
        setsid();
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        if (fork() == 0) setsid();
        rest(LONG_MS);
        _exit(0);
    }
    tried("fork, setsid, fork");
}

static void leave_session(char *argument) { judge("setsid", setsid()); }

static void spin(char *argument) {
    for (volatile unsigned long turns = 0; turns < 60000000000UL; turns++) {
    }
    worked("turns", 0);
}

static void spin_in_threads(char *argument) {
    pthread_t thread;
    for (int made = 0; made < 8; made++)
        pthread_create(&thread, NULL, (void *(*)(void *))(void *)spin, NULL);
    spin(argument);
}

static void oversleep(char *argument) {
    rest(LONG_MS);
    worked("slept", LONG_MS);
}

static void ignore_signals(char *argument) {
    for (int number = 1; number < 32; number++) signal(number, SIG_IGN);
    oversleep(argument);
}

static void stop_itself(char *argument) {
    kill(getpid(), SIGSTOP);
    stopped("kill");
}

static void close_streams(char *argument) {
    close(1);
    close(2);
    rest(LONG_MS);
}

static void dump_core(char *argument) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit)) stopped("getrlimit");
    if (limit.rlim_max > 0) worked("limit", limit.rlim_max);
    *(volatile int *)8 = 0;
}

const struct attack processes[] = {
    {"fork-bomb", fork_bomb},
    {"vfork-bomb", vfork_bomb},
    {"thread-bomb", thread_bomb},
    {"stay-behind", stay_behind},
    {"leave-session", leave_session},
    {"spin", spin},
    {"spin-in-threads", spin_in_threads},
    {"oversleep", oversleep},
    {"ignore-signals", ignore_signals},
    {"stop-itself", stop_itself},
    {"close-streams", close_streams},
    {"dump-core", dump_core},
    {NULL, NULL},
};
