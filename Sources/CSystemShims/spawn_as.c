#define _GNU_SOURCE
#include "CSystemShims.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct start {
    const char *path;
    int program;
    char *const *arguments;
    char *const *environment;
    const char *directory;
    int input;
    int output;
    const slipway_identity *identity;
    pid_t parent;
};

// Only calls that may be made between fork and exec in a program of several threads. The identity is set by system calls of this
// one thread: glibc's functions would ask every thread of a process that has only this one.
static int become(const slipway_identity *one) {
    if (syscall(SYS_setgroups, one->count, one->groups) != 0) return errno;
    if (syscall(SYS_setresgid, one->group, one->group, one->group) != 0) return errno;
    if (syscall(SYS_setresuid, one->user, one->user, one->user) != 0) return errno;
    return 0;
}

static int prepare(const char *directory, int input, int output) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) != 0 || setsid() < 0) return errno;
    int read = input < 0 ? open("/dev/null", O_RDONLY) : input;
    if (read < 0 || dup2(read, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) return errno;
    if (chdir(directory) != 0) return errno;
    return 0;
}

// The child: it becomes the program, or says through `failures` why it cannot.
static void start(const struct start *wanted, int failures) {
    // Numbers above whatever is put into place below.
    int told = fcntl(failures, F_DUPFD_CLOEXEC, 64);
    int held = wanted->identity ? fcntl(wanted->program, F_DUPFD_CLOEXEC, 64) : 0;
    int shown = fcntl(wanted->output, F_DUPFD_CLOEXEC, 64);
    int asked = wanted->input < 0 ? -1 : fcntl(wanted->input, F_DUPFD_CLOEXEC, 64);
    int isMissing = told < 0 || held < 0 || shown < 0 || (wanted->input >= 0 && asked < 0);
    int number = isMissing ? errno : prepare(wanted->directory, asked, shown);
    // 3 is the program where somebody else runs it, 4 tells of a failure; everything else goes.
    if (number == 0 && wanted->identity && dup2(held, 3) < 0) number = errno;
    if (number == 0 && dup3(told, 4, O_CLOEXEC) < 0) number = errno;
    if (number == 0) {
        told = 4;
        if (syscall(SYS_close_range, 5, ~0U, 0) != 0) number = errno;
        if (!wanted->identity) close(3);
    }
    if (number == 0 && wanted->identity) number = become(wanted->identity);
    if (number == 0) {
        // A script is read by its interpreter as /dev/fd/3: nobody but root may walk to where it lies.
        if (wanted->identity) {
            syscall(SYS_execveat, 3, "", wanted->arguments, wanted->environment, AT_EMPTY_PATH);
        } else {
            execve(wanted->path, wanted->arguments, wanted->environment);
        }
        number = errno;
    }
    ssize_t written = write(told < 0 ? failures : told, &number, sizeof number);
    (void)written;
    _exit(127);
}

static volatile sig_atomic_t lingers;
static void linger(int number) {
    (void)number;
    lingers = 1;
}

// They are not reaped yet, so nobody else has their numbers. What does not fit is read the next time.
static void kill_children(void) {
    char text[4096];
    int file = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? 0 : read(file, text, sizeof text);
    close(file);
    pid_t one = 0;
    for (ssize_t at = 0; at < length; at++) {
        if (text[at] >= '0' && text[at] <= '9') {
            one = one * 10 + (text[at] - '0');
        } else {
            if (one > 1) kill(one, SIGKILL);
            one = 0;
        }
    }
}

static volatile sig_atomic_t is_orphan;
static void orphan(int number) {
    (void)number;
    int saved = errno;
    is_orphan = 1;
    kill_children();
    errno = saved;
}

// Between us and the program: whoever of its family loses its parent becomes a child of this process, whatever it did to its
// session and its environment. It ends as the program ended, as soon as that ended; once it got TERM, when nobody is left. When
// the thread that started it is gone, it kills them all: a step that is repeated shall find nothing of the first try.
static void keep(const struct start *wanted, int failures) {
    struct sigaction standard = {.sa_handler = SIG_DFL}, lingering = {.sa_handler = linger}, orphaned = {.sa_handler = orphan};
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
    sigaction(SIGTERM, &lingering, NULL);
    sigaction(SIGUSR1, &orphaned, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0);
    if (getppid() != wanted->parent) _exit(127);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    prctl(PR_SET_NAME, "slipway-keeper", 0, 0, 0);
    pid_t child = _Fork();
    if (child == 0) start(wanted, failures);
    if (child < 0) {
        int number = errno;
        ssize_t written = write(failures, &number, sizeof number);
        (void)written;
        _exit(127);
    }
    syscall(SYS_close_range, 0, ~0U, 0);
    sigset_t heard;
    sigemptyset(&heard);
    sigaddset(&heard, SIGTERM);
    sigaddset(&heard, SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &heard, NULL);
    int status = 0, has_ended = 0;
    while (!has_ended || lingers || is_orphan) {
        int one;
        pid_t who = waitpid(-1, &one, 0);
        if (who < 0 && errno == ECHILD) break;
        // Those whom the dead have left behind.
        if (is_orphan) kill_children();
        if (who != child) continue;
        status = one;
        has_ended = 1;
    }
    if (WIFSIGNALED(status)) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        sigaction(WTERMSIG(status), &standard, NULL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        kill(getpid(), WTERMSIG(status));
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 127);
}

static int spawn(const struct start *wanted, int keeps, pid_t *process) {
    int failures[2];
    if (pipe2(failures, O_CLOEXEC) != 0) return errno;
    sigset_t all, before;
    sigfillset(&all);
    // No handler of ours may run in the child.
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = _Fork();
    if (child == 0) (keeps ? keep : start)(wanted, failures[1]);
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

int slipway_spawn_as(int program, char *const arguments[], char *const environment[], const char *directory, int input,
                     int output, const slipway_identity *identity, pid_t *process) {
    struct start wanted = {"", program, arguments, environment, directory, input, output, identity, 0};
    return spawn(&wanted, 0, process);
}

int slipway_spawn_kept(const char *executable, int program, char *const arguments[], char *const environment[],
                       const char *directory, int input, int output, const slipway_identity *identity, pid_t *process) {
    struct start wanted = {executable, program, arguments, environment, directory, input, output, identity, getpid()};
    return spawn(&wanted, 1, process);
}
