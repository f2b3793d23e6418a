/* Makes calls of the C library on files fail, in `ecache` alone: it is loaded with LD_PRELOAD.
 *
 * ECACHE_FAULT is "KIND ERRNO NTH LASTING": the NTH call of that kind fails with ERRNO, and all after it if LASTING is
 * 1. With 0 for ERRNO, the process is killed before that call. Once one has failed, the file that ECACHE_FAULT_MARK names is there.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char kind[16];
static int error, lasting;
static long nth, calls;

__attribute__((constructor)) static void begin(void) {
    const char *fault = getenv("ECACHE_FAULT");
    if (fault == NULL || strcmp(program_invocation_short_name, "ecache") != 0
        || sscanf(fault, "%15s %d %ld %d", kind, &error, &nth, &lasting) != 4)
        kind[0] = 0;
}

static int fails(const char *asked) {
    if (strcmp(kind, asked) != 0)
        return 0;
    long call = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    if (call < nth || (call > nth && !lasting))
        return 0;
    int mark = syscall(SYS_openat, AT_FDCWD, getenv("ECACHE_FAULT_MARK"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (mark >= 0)
        syscall(SYS_close, mark);
    if (error == 0)
        kill(getpid(), SIGKILL);
    errno = error;
    return 1;
}

/* Streams are the business of other tests. */
static int is_file(int fd) {
    struct stat64 file;
    return fstat64(fd, &file) == 0 && S_ISREG(file.st_mode);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) {
    return is_file(fd) && fails("write") ? -1 : NEXT(write)(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    return fails("write") ? -1 : NEXT(pwrite)(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    return fails("write") ? -1 : NEXT(pwrite64)(fd, bytes, count, offset);
}

ssize_t read(int fd, void *bytes, size_t count) {
    return is_file(fd) && fails("read") ? -1 : NEXT(read)(fd, bytes, count);
}

ssize_t pread(int fd, void *bytes, size_t count, off_t offset) {
    return fails("read") ? -1 : NEXT(pread)(fd, bytes, count, offset);
}

ssize_t pread64(int fd, void *bytes, size_t count, off64_t offset) {
    return fails("read") ? -1 : NEXT(pread64)(fd, bytes, count, offset);
}

int fsync(int fd) {
    return fails("sync") ? -1 : NEXT(fsync)(fd);
}

int fdatasync(int fd) {
    return fails("sync") ? -1 : NEXT(fdatasync)(fd);
}

int ftruncate(int fd, off_t size) {
    return fails("truncate") ? -1 : NEXT(ftruncate)(fd, size);
}

int ftruncate64(int fd, off64_t size) {
    return fails("truncate") ? -1 : NEXT(ftruncate64)(fd, size);
}

int unlink(const char *path) {
    return fails("unlink") ? -1 : NEXT(unlink)(path);
}

int mkdir(const char *path, mode_t mode) {
    return fails("create") ? -1 : NEXT(mkdir)(path, mode);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    if ((flags & MAP_SHARED) && fails("map"))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t offset) {
    return mmap(address, size, protection, flags, fd, offset);
}

#define OPEN(name)                                                  \
    int name(const char *path, int flags, ...) {                    \
        va_list rest;                                               \
        va_start(rest, flags);                                      \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;   \
        va_end(rest);                                               \
        if (fails(flags & O_CREAT ? "create" : "open"))             \
            return -1;                                              \
        return NEXT(name)(path, flags, mode);                       \
    }

OPEN(open)
OPEN(open64)
