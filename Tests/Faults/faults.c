// Preloaded into the real agent by FaultSweep, and into the real controller by KillSweepTests: the N-th call that changes
// something durable (or, for EMFILE, opens) is where the process is killed, or where the call fails. Counted over all
// threads, in the order in which they come.
//
//   FAULT_AT=N       the call; 0 or absent: none
//   FAULT_ERRNO=E    the call fails with E; 0 or absent: SIGKILL before it
//   FAULT_PLACE=PATTERN only calls are counted whose name and path are like this, as `open *.journal`
//   FAULT_TOUCH=FILE makes this file at the call, which goes on: a disk may fail from there on
//   FAULT_KIND=open  counts opens instead of changes
//   FAULT_IMAGE=N    only in the N-th program that one process becomes: 1 the agent, 2 the launcher, 3 the new agent
//   FAULT_HIT=FILE   the counted call that it was, as a line of FAULT_TRACE; a child that was forked counts on by itself
//   FAULT_TRACE=FILE every counted call as a line: its number, its name, the path
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int counted, looked;
// Of a look at every process of the machine so many opens count: how many there are is the machine's, not the agent's.
enum { LOOKED_MAX = 4 };
static int at, fault, counts_opens, trace = -1;
static const char *touched, *hit, *pattern;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("FAULT_AT");
    at = text ? atoi(text) : 0;
    text = getenv("FAULT_ERRNO");
    fault = text ? atoi(text) : 0;
    touched = getenv("FAULT_TOUCH");
    hit = getenv("FAULT_HIT");
    pattern = getenv("FAULT_PLACE");
    text = getenv("FAULT_KIND");
    counts_opens = text && !strcmp(text, "open");
    text = getenv("FAULT_IMAGE");
    int image = 1 + !!getenv("SLIPWAY_AGENT_BASE") + !!getenv("SLIPWAY_AGENT_RELEASE");
    if (getenv("SLIPWAY_AGENT_GUARD") || (text && atoi(text) != image)) {
        at = 0;
        return;
    }
    text = getenv("FAULT_TRACE");
    if (text) trace = (int)syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void place(int descriptor, const char *path, char *text, size_t size) {
    char link[64], folder[512] = "";
    if (descriptor >= 0 && (!path || path[0] != '/')) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
        ssize_t length = readlink(link, folder, sizeof folder - 1);
        folder[length > 0 ? length : 0] = 0;
    }
    snprintf(text, size, "%s%s%s", folder, folder[0] && path ? "/" : "", path ? path : "");
}

static void tell(int file, int number, const char *name, int descriptor, const char *path) {
    char text[1024], line[1200];
    place(descriptor, path, text, sizeof text);
    int length = snprintf(line, sizeof line, "%d %s %s\n", number, name, text);
    syscall(SYS_write, file, line, length);
}

// `1234/environ`, of the folder of all processes.
static int is_look(const char *path) {
    size_t digits = path ? strspn(path, "0123456789") : 0;
    return digits > 0 && !strcmp(path + digits, "/environ");
}

static int is_like(const char *name, int descriptor, const char *path) {
    char text[1024], line[1200];
    place(descriptor, path, text, sizeof text);
    snprintf(line, sizeof line, "%s %s", name, text);
    return !fnmatch(pattern, line, 0);
}

// Whether the call is to fail.
static int reach(const char *name, int opens, int descriptor, const char *path) {
    if (opens != counts_opens || (!at && trace < 0)) return 0;
    if (is_look(path) && atomic_fetch_add(&looked, 1) >= LOOKED_MAX) return 0;
    if (pattern && !is_like(name, descriptor, path)) return 0;
    int number = atomic_fetch_add(&counted, 1) + 1;
    if (trace >= 0) tell(trace, number, name, descriptor, path);
    if (number != at) return 0;
    if (hit) {
        // By its place a call has the same number in each child; what fails in all of them is not one failure.
        int once = pattern ? O_EXCL : 0;
        int file = (int)syscall(SYS_openat, AT_FDCWD, hit, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | once, 0600);
        if (file < 0 && once) return 0;
        if (file >= 0) tell(file, number, name, descriptor, path), close(file);
    }
    if (touched) {
        int file = (int)syscall(SYS_openat, AT_FDCWD, touched, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (file >= 0) close(file);
        return 0;
    }
    if (!fault) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    errno = fault;
    return 1;
}

static int is_file(int descriptor) {
    struct stat status;
    return descriptor > 2 && descriptor != trace && !fstat(descriptor, &status) && S_ISREG(status.st_mode);
}

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, #name)

ssize_t write(int f, const void *b, size_t n) {
    REAL(ssize_t, write, int, const void *, size_t);
    return is_file(f) && reach("write", 0, f, 0) ? -1 : real(f, b, n);
}
ssize_t pwrite(int f, const void *b, size_t n, off_t o) {
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    return is_file(f) && reach("pwrite", 0, f, 0) ? -1 : real(f, b, n, o);
}
ssize_t pwrite64(int f, const void *b, size_t n, off64_t o) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    return is_file(f) && reach("pwrite", 0, f, 0) ? -1 : real(f, b, n, o);
}
int fsync(int f) {
    REAL(int, fsync, int);
    return reach("fsync", 0, f, 0) ? -1 : real(f);
}
int fdatasync(int f) {
    REAL(int, fdatasync, int);
    return reach("fdatasync", 0, f, 0) ? -1 : real(f);
}
int syncfs(int f) {
    REAL(int, syncfs, int);
    return reach("syncfs", 0, f, 0) ? -1 : real(f);
}
int ftruncate(int f, off_t n) {
    REAL(int, ftruncate, int, off_t);
    return is_file(f) && reach("ftruncate", 0, f, 0) ? -1 : real(f, n);
}
int ftruncate64(int f, off64_t n) {
    REAL(int, ftruncate64, int, off64_t);
    return is_file(f) && reach("ftruncate", 0, f, 0) ? -1 : real(f, n);
}
int unlink(const char *p) {
    REAL(int, unlink, const char *);
    return reach("unlink", 0, -1, p) ? -1 : real(p);
}
int renameat(int a, const char *p, int b, const char *q) {
    REAL(int, renameat, int, const char *, int, const char *);
    return reach("rename", 0, b, q) ? -1 : real(a, p, b, q);
}
int renameat2(int a, const char *p, int b, const char *q, unsigned flags) {
    REAL(int, renameat2, int, const char *, int, const char *, unsigned);
    return reach("rename2", 0, b, q) ? -1 : real(a, p, b, q, flags);
}
int linkat(int a, const char *p, int b, const char *q, int flags) {
    REAL(int, linkat, int, const char *, int, const char *, int);
    return reach("link", 0, b, q) ? -1 : real(a, p, b, q, flags);
}
int symlinkat(const char *t, int a, const char *p) {
    REAL(int, symlinkat, const char *, int, const char *);
    return reach("symlink", 0, a, p) ? -1 : real(t, a, p);
}
int unlinkat(int a, const char *p, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    return reach("unlink", 0, a, p) ? -1 : real(a, p, flags);
}
int mkdirat(int a, const char *p, mode_t mode) {
    REAL(int, mkdirat, int, const char *, mode_t);
    return reach("mkdir", 0, a, p) ? -1 : real(a, p, mode);
}
int fchmod(int f, mode_t mode) {
    REAL(int, fchmod, int, mode_t);
    return reach("chmod", 0, f, 0) ? -1 : real(f, mode);
}
int fchown(int f, uid_t u, gid_t g) {
    REAL(int, fchown, int, uid_t, gid_t);
    return reach("chown", 0, f, 0) ? -1 : real(f, u, g);
}
int openat(int a, const char *p, int flags, ...) {
    REAL(int, openat, int, const char *, int, ...);
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
    va_end(list);
    if (reach("open", 1, a, p)) return -1;
    if (flags & O_CREAT && reach("create", 0, a, p)) return -1;
    return real(a, p, flags, mode);
}
int open(const char *p, int flags, ...) {
    REAL(int, open, const char *, int, ...);
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
    va_end(list);
    if (strncmp(p, "/proc/", 6) && reach("open", 1, -1, p)) return -1;
    if (flags & O_CREAT && reach("create", 0, -1, p)) return -1;
    return real(p, flags, mode);
}
int open64(const char *p, int flags, ...) {
    REAL(int, open64, const char *, int, ...);
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
    va_end(list);
    if (flags & O_CREAT && reach("create", 0, -1, p)) return -1;
    return real(p, flags, mode);
}
long syscall(long number, ...) {
    static long (*real)(long, ...);
    if (!real) real = dlsym(RTLD_NEXT, "syscall");
    va_list list;
    va_start(list, number);
    long a[6];
    for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_openat2) {
        // The flags are the first of the structure.
        unsigned long long flags = *(unsigned long long *)a[2];
        if (reach("open", 1, (int)a[0], (const char *)a[1])) return -1;
        if (flags & O_CREAT && reach("create", 0, (int)a[0], (const char *)a[1])) return -1;
    }
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
