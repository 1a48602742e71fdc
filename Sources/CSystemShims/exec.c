#define _GNU_SOURCE
#include "CSystemShims.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif

int slipway_exec(const char *executable, char *const arguments[], char *const environment[]) {
    // What fails leaves this process as it was: the descriptors are closed by the kernel when the program is replaced.
    if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC)) return errno;
    sigset_t none, before;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, &before);
    execve(executable, arguments, environment);
    int number = errno;
    pthread_sigmask(SIG_SETMASK, &before, 0);
    return number;
}

int64_t slipway_since_boot(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_BOOTTIME, &now)) return 0;
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
