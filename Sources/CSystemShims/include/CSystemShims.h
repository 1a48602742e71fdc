#pragma once
// Linux calls that the Glibc module map leaves out (they want _GNU_SOURCE or have no glibc wrapper).
// Each returns what the call returns: -1 with errno set upon failure.
#include <stdint.h>
#include <sys/types.h>

/// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS: `path` is opened below `directory` or
/// not at all, whatever links an attacker puts in its way. O_CLOEXEC is always added.
int slipway_open_beneath(int directory, const char *path, int flags, mode_t mode);

/// renameat2(2) with RENAME_NOREPLACE: EEXIST if `newPath` exists.
int slipway_rename_no_replace(int oldDirectory, const char *oldPath, int newDirectory, const char *newPath);

/// renameat2(2) with RENAME_EXCHANGE: both names exist before and after.
int slipway_rename_exchange(int oldDirectory, const char *oldPath, int newDirectory, const char *newPath);

/// pidfd_open(2): readable in poll when the process has ended. The process need not be a child.
int slipway_pidfd_open(pid_t process);

/// pidfd_send_signal(2): cannot hit a process that re-used the number.
int slipway_pidfd_send_signal(int pidfd, int signal);

/// syncfs(2) on the file system that holds the descriptor.
int slipway_syncfs(int descriptor);

/// FICLONE: `target`, an empty file, shares the blocks of `source` until one of them is written to.
int slipway_clone_file(int target, int source);

/// linkat(2) of the open file itself, not of whatever its name leads to by now.
int slipway_link_open_file(int file, int directory, const char *name);

/// posix_spawn(3) of a program in a session of its own: standard input from `input` (-1: /dev/null), both outputs to `output`,
/// every other descriptor closed, signals as in a fresh process, `directory` as working directory.
/// Returns 0 or the error's number (errno is not set).
int slipway_spawn(const char *executable, char *const arguments[], char *const environment[], const char *directory,
                  int input, int output, pid_t *process);

/// Another user, with its own groups and no others: `count` of `groups` are set besides `group`.
typedef struct {
    uid_t user;
    gid_t group;
    const gid_t *groups;
    size_t count;
} slipway_identity;

/// The same of an open program, as another user; there is no way back. The program is descriptor 3 of the new process, because a
/// script is read through it.
int slipway_spawn_as(int program, char *const arguments[], char *const environment[], const char *directory, int input,
                     int output, const slipway_identity *identity, pid_t *process);

/// Either of both (`identity` may be NULL, `program` is not looked at then), beneath a process that keeps it: `process` is the
/// keeper, which ends as the program ends. All of the program's family are its descendants (PR_SET_CHILD_SUBREAPER) until then;
/// after a SIGTERM it ends only when none of them is left, and at the end of the calling thread it kills them all. The session is
/// the program's own, not the keeper's.
int slipway_spawn_kept(const char *executable, int program, char *const arguments[], char *const environment[],
                       const char *directory, int input, int output, const slipway_identity *identity, pid_t *process);

/// execve(2) of this process itself: every descriptor above 2 is closed, no signal is blocked. With an `output` of 0 and above,
/// which both outputs then go to, also in `directory`, with /dev/null as standard input and signals as in a fresh process; with -1
/// streams and folder stay, and it may go on as it was where it fails. Returns only then: the error's number.
int slipway_become(const char *executable, char *const arguments[], char *const environment[], const char *directory,
                   int output);

/// pipe2(2) with O_CLOEXEC: ends[0] is for reading, ends[1] for writing.
int slipway_pipe(int ends[2]);

/// malloc_trim(3): gives free memory of all threads' heaps back to the system.
void slipway_trim_heap(void);

/// madvise(2) MADV_DONTNEED on what is mapped of this program's and its libraries' files to be read or run, never written:
/// the kernel maps a page again when it is used.
void slipway_give_back_program_pages(void);

/// mallopt(3): threads that come from now on share so many heaps.
void slipway_share_heaps(int count);

/// mallopt(3): pieces of 128 KiB and more are mapped, and unmapped when they are freed, for good.
void slipway_map_large_pieces(void);

/// 1 if the file `name` of `directory` has the attribute security.capability, 0 if not (or nobody can say).
int slipway_has_capability(int directory, const char *name);

/// 1 if the file or folder `name` of `directory` has a `user.` attribute or an access control list, 0 if not (or nobody can
/// say).
int slipway_has_own_attributes(int directory, const char *name);

/// sendmsg(2) of one message with at most one descriptor (-1: none); never waits, never raises SIGPIPE.
ssize_t slipway_send_message(int socket, const void *bytes, size_t count, int descriptor);

/// recvmsg(2) of one message; never waits. `descriptor` is -1 where none came; `wasCut` is 1 if the message was longer than
/// `count` or held more than one descriptor (the others are closed).
ssize_t slipway_receive_message(int socket, void *bytes, size_t count, int *descriptor, int *wasCut);

/// SO_PEERCRED: who connected, or listened, when the connection was made.
int slipway_socket_peer(int socket, pid_t *process, uid_t *user);

/// memfd_create(2) with MFD_CLOEXEC.
int slipway_memory_file(const char *name);

/// From now on nobody changes a file in memory, whoever has it.
int slipway_seal(int file);

/// Whether a descriptor is such a file: 1 or 0.
int slipway_is_sealed(int file);

/// accept4(2) without the peer's address.
int slipway_accept(int socket, int flags);

/// Milliseconds of CLOCK_BOOTTIME, which goes on while the machine sleeps.
int64_t slipway_since_boot(void);
