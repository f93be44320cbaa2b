/* Preloaded into a process: lets the n-th call that changes something below a folder fail, or kills the process there.
 *
 * Counted are open, write, rename, unlink, mkdir and rmdir in all their forms, if their path, or that of their file,
 * lies in the folder or is the folder.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX];
static int at, with, seen;

/* From now on: call number `number` below `path` fails with `error`, or kills the process if that is 0. */
void faults_arm(const char *path, int number, int error) {
    snprintf(folder, sizeof folder, "%s", path);
    at = number, with = error, seen = 0;
}

int faults_seen(void) { return seen; }

static void absolute(int at_folder, const char *path, char *found) {
    char link[64];
    size_t length = 0;
    if (path[0] != '/') {
        if (at_folder == AT_FDCWD)
            snprintf(link, sizeof link, "/proc/self/cwd");
        else
            snprintf(link, sizeof link, "/proc/self/fd/%d", at_folder);
        ssize_t got = readlink(link, found, PATH_MAX - 2);
        length = got < 0 ? 0 : (size_t)got;
        if (*path) found[length++] = '/';
    }
    snprintf(found + length, PATH_MAX - length, "%s", path);
}

static int fails(int at_folder, const char *path) {
    char found[PATH_MAX];
    size_t length = strlen(folder);
    if (!length) return 0;
    int before = errno;
    found[0] = 0;
    absolute(at_folder, path, found);
    errno = before;
    if (strncmp(found, folder, length) != 0 || (found[length] && found[length] != '/')) return 0;
    if (__sync_add_and_fetch(&seen, 1) != at) return 0;
    if (!with) kill(getpid(), SIGKILL);
    errno = with;
    return 1;
}

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, #name))
#define WRAP(name, types, names, test) \
    int name types { \
        if (test) return -1; \
        return REAL(name, int(*) types) names; \
    }

WRAP(rename, (const char *a, const char *b), (a, b), fails(AT_FDCWD, a) || fails(AT_FDCWD, b))
WRAP(renameat, (int c, const char *a, int d, const char *b), (c, a, d, b), fails(c, a) || fails(d, b))
WRAP(renameat2, (int c, const char *a, int d, const char *b, unsigned f), (c, a, d, b, f), fails(c, a) || fails(d, b))
WRAP(link, (const char *a, const char *b), (a, b), fails(AT_FDCWD, b))
WRAP(unlink, (const char *a), (a), fails(AT_FDCWD, a))
WRAP(unlinkat, (int c, const char *a, int f), (c, a, f), fails(c, a))
WRAP(mkdir, (const char *a, mode_t m), (a, m), fails(AT_FDCWD, a))
WRAP(mkdirat, (int c, const char *a, mode_t m), (c, a, m), fails(c, a))
WRAP(rmdir, (const char *a), (a), fails(AT_FDCWD, a))

#define OPEN(name, before, arguments, place, path) \
    int name(before int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(rest, int) : 0; \
        va_end(rest); \
        if (fails(place, path)) return -1; \
        return REAL(name, int (*)(before int, ...)) arguments; \
    }
#define COMMA ,
OPEN(open, const char *a COMMA, (a, flags, mode), AT_FDCWD, a)
OPEN(open64, const char *a COMMA, (a, flags, mode), AT_FDCWD, a)
OPEN(openat, int c COMMA const char *a COMMA, (c, a, flags, mode), c, a)
OPEN(openat64, int c COMMA const char *a COMMA, (c, a, flags, mode), c, a)

ssize_t write(int descriptor, const void *bytes, size_t count) {
    if (fails(descriptor, "")) return -1;
    return REAL(write, ssize_t(*)(int, const void *, size_t))(descriptor, bytes, count);
}
