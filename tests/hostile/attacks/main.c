/* One attack per run: `attacks NAME MARKER [ARGUMENT]`.
 *
 * Prints `worked WHAT NUMBER`, `stopped WHERE ERRNO`, `stopped because REASON NUMBER` or
 * `tried WHAT`; the last means that only the host can see what came of it. MARKER is there so that
 * the host finds what is left of the run in /proc.
 *
 * ONLY EVER RUN IN A SANDBOX.
 */
#define _GNU_SOURCE
#include "attack.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct attack *const groups[] = {
    network, host_files, changes, kernel, execution, others, processes, floods, controls};

static _Noreturn void end_with(const char *format, const char *text, long number) {
    char line[200];
    int length = snprintf(line, sizeof line, format, text, number);
    if (write(1, line, length < (int)sizeof line ? length : (int)sizeof line) < 0) _exit(3);
    _exit(0);
}

void worked(const char *what, long number) { end_with("\nworked %s %ld\n", what, number); }
void stopped(const char *where) { end_with("\nstopped %s errno %ld\n", where, errno); }
void stopped_because(const char *reason, long number) {
    end_with("\nstopped because %s %ld\n", reason, number);
}
void tried(const char *what) { end_with("\ntried %s\n", what, 0); }

void judge(const char *what, long result) {
    if (result < 0) stopped(what);
    worked(what, result);
}

void rest(long milliseconds) {
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

char *scratch(const char *name) {
    const char *directory = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/%s", directory ? directory : "/tmp", name) < 0) stopped("memory");
    return path;
}

int scratch_file(const char *name, int flags) {
    int fd = open(scratch(name), flags | O_CREAT, 0600);
    if (fd < 0) stopped("open");
    return fd;
}

int main(int count, char **words) {
    char *argument = count > 3 ? words[3] : "";
    if (count < 3) return 2;
    if (geteuid() == 0) return 4; /* not in a sandbox, or one that is none */
    for (size_t group = 0; group < sizeof groups / sizeof *groups; group++)
        for (const struct attack *one = groups[group]; one->name; one++)
            if (!strcmp(one->name, words[1])) {
                one->run(argument);
                return 2;
            }
    return 2;
}
