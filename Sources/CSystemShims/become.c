#define _GNU_SOURCE
#include "CSystemShims.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

// Streams, folder and signals of a program that has nothing of ours.
static int begin_anew(const char *directory, int output) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
    int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (empty < 0 || dup2(empty, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 || chdir(directory) != 0) return errno;
    return 0;
}

int slipway_become(const char *executable, char *const arguments[], char *const environment[], const char *directory,
                   int output) {
    int number = output < 0 ? 0 : begin_anew(directory, output);
    if (number != 0) return number;
    // They are closed as the program begins, and not where it cannot.
    if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return errno;
    sigset_t none, before;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, &before);
    execve(executable, arguments, environment);
    number = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return number;
}
