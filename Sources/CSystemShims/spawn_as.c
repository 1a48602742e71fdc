#define _GNU_SOURCE
#include "CSystemShims.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Only calls that may be made between fork and exec in a program of several threads. The identity is set by system calls of this
// one thread: glibc's functions would ask every thread of a process that has only this one.
static int become(const gid_t groups[], size_t count, gid_t group, uid_t user) {
    if (syscall(SYS_setgroups, count, groups) != 0) return errno;
    if (syscall(SYS_setresgid, group, group, group) != 0) return errno;
    if (syscall(SYS_setresuid, user, user, user) != 0) return errno;
    return 0;
}

static int prepare(const char *directory, int output) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) != 0 || setsid() < 0) return errno;
    int empty = open("/dev/null", O_RDONLY);
    if (empty < 0 || dup2(empty, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) return errno;
    if (chdir(directory) != 0) return errno;
    return 0;
}

int slipway_spawn_as(int program, char *const arguments[], char *const environment[], const char *directory, int output,
                     uid_t user, gid_t group, const gid_t groups[], size_t count, pid_t *process) {
    int failures[2];
    if (pipe2(failures, O_CLOEXEC) != 0) return errno;
    sigset_t all, before;
    sigfillset(&all);
    // No handler of ours may run in the child.
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = fork();
    if (child == 0) {
        // Numbers above whatever is put into place below.
        int told = fcntl(failures[1], F_DUPFD_CLOEXEC, 64);
        int held = fcntl(program, F_DUPFD_CLOEXEC, 64);
        int shown = fcntl(output, F_DUPFD_CLOEXEC, 64);
        int number = told < 0 || held < 0 || shown < 0 ? errno : prepare(directory, shown);
        // 3 is the program, 4 tells of a failure; everything else goes.
        if (number == 0 && (dup2(held, 3) < 0 || dup3(told, 4, O_CLOEXEC) < 0)) number = errno;
        if (number == 0) {
            told = 4;
            if (syscall(SYS_close_range, 5, ~0U, 0) != 0) number = errno;
        }
        if (number == 0) number = become(groups, count, group, user);
        if (number == 0) {
            // A script is read by its interpreter as /dev/fd/3: nobody but root may walk to where it lies.
            syscall(SYS_execveat, 3, "", arguments, environment, AT_EMPTY_PATH);
            number = errno;
        }
        ssize_t written = write(told < 0 ? failures[1] : told, &number, sizeof number);
        (void)written;
        _exit(127);
    }
    int number = child < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(failures[1]);
    if (child > 0) {
        int told;
        ssize_t length;
        do length = read(failures[0], &told, sizeof told);
        while (length < 0 && errno == EINTR);
        if (length == (ssize_t)sizeof told) {
            number = told;
            while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
        }
    }
    close(failures[0]);
    if (number == 0) *process = child;
    return number;
}
