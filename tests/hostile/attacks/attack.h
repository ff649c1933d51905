/* What each attack needs: its name, and a way to say how it went. */
#ifndef ATTACK_H
#define ATTACK_H

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

struct attack {
    const char *name;
    void (*run)(char *argument);
};

/* Each table ends with a name of NULL. */
extern const struct attack network[], host_files[], changes[], kernel[], execution[], others[],
    processes[], floods[], controls[];

/* None of these returns. Nothing but write(2) and exit_group(2) is used: a filter may deny the rest. */
_Noreturn void worked(const char *what, long number);
_Noreturn void stopped(const char *where);  /* with errno */
_Noreturn void stopped_because(const char *reason, long number);
_Noreturn void tried(const char *what);     /* the host must look */
_Noreturn void judge(const char *what, long result);  /* negative: stopped */

void rest(long milliseconds);
char *scratch(const char *name);  /* a path in the private temporary directory */
int scratch_file(const char *name, int flags);  /* opened, made if absent; stops if it cannot be */

#endif
