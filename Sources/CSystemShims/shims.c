#define _GNU_SOURCE
#include "CSystemShims.h"
#include <sys/xattr.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int slipway_open_beneath(int directory, const char *path, int flags, mode_t mode) {
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = (uint64_t)(unsigned)flags | O_CLOEXEC;
    how.mode = (flags & (O_CREAT | O_TMPFILE)) ? mode : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    long result;
    // EAGAIN: a rename or mount raced the walk and the kernel could not prove that it stayed beneath.
    int tries = 0;
    do {
        result = syscall(SYS_openat2, directory, path, &how, sizeof how);
    } while (result < 0 && (errno == EINTR || (errno == EAGAIN && ++tries < 128)));
    return (int)result;
}

int slipway_rename_no_replace(int oldDirectory, const char *oldPath, int newDirectory, const char *newPath) {
    return renameat2(oldDirectory, oldPath, newDirectory, newPath, RENAME_NOREPLACE);
}

int slipway_rename_exchange(int oldDirectory, const char *oldPath, int newDirectory, const char *newPath) {
    return renameat2(oldDirectory, oldPath, newDirectory, newPath, RENAME_EXCHANGE);
}

int slipway_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int slipway_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, (void *)0, 0);
}

int slipway_syncfs(int descriptor) { return syncfs(descriptor); }

int slipway_clone_file(int target, int source) { return ioctl(target, FICLONE, source); }

int slipway_link_open_file(int file, int directory, const char *name) {
    if (linkat(file, "", directory, name, AT_EMPTY_PATH) == 0) return 0;
    // Without the right to read everything the kernel wants a name, and gives one.
    if (errno != ENOENT && errno != EPERM) return -1;
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW);
}

void slipway_trim_heap(void) { malloc_trim(0); }

static int give_back_pages(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size, (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        // What may be written holds changes that no file has.
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W)) continue;
        uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        uintptr_t end = start + segment->p_filesz;
        start &= ~(page - 1);
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void slipway_give_back_program_pages(void) { dl_iterate_phdr(give_back_pages, NULL); }

void slipway_share_heaps(int count) { mallopt(M_ARENA_MAX, count); }

void slipway_map_large_pieces(void) { mallopt(M_MMAP_THRESHOLD, 128 << 10); }

int slipway_has_capability(int directory, const char *name) {
    char path[64 + 256];
    int length = snprintf(path, sizeof path, "/proc/self/fd/%d/%s", directory, name);
    if (length < 0 || (size_t)length >= sizeof path) return 0;
    return lgetxattr(path, "security.capability", NULL, 0) >= 0;
}

int slipway_has_own_attributes(int directory, const char *name) {
    char path[64 + 256], names[4096];
    int length = snprintf(path, sizeof path, "/proc/self/fd/%d/%s", directory, name);
    if (length < 0 || (size_t)length >= sizeof path) return 0;
    ssize_t size = llistxattr(path, names, sizeof names);
    // More than fits is more than labels of the system.
    if (size < 0) return errno == ERANGE;
    for (const char *next = names; next < names + size; next += strlen(next) + 1) {
        if (strncmp(next, "user.", 5) == 0 || strncmp(next, "system.posix_acl_", 17) == 0) return 1;
    }
    return 0;
}
