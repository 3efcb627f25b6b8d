/* Finding programs. */
#include "base/programs.h"

#include "base/alloc.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_program(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

char *program_beside(const char *role)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len <= 0) {
        return NULL;
    }
    self[len] = '\0';
    *strrchr(self, '/') = '\0';
    char *places[] = {xasprintf("%s/roomd-%s", self, role),
                      xasprintf("%s/../%s/roomd-%s", self, role, role),
                      xasprintf("%s/../libexec/roomd/roomd-%s", self, role)};
    char *found = NULL;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (!found && is_program(places[i])) {
            found = places[i];
        } else {
            free(places[i]);
        }
    }
    return found;
}

char *program_on_path(const char *name)
{
    const char *path = getenv("PATH");
    if (!path || !path[0]) {
        path = "/usr/local/bin:/usr/bin:/bin";
    }
    while (*path) {
        size_t len = strcspn(path, ":");
        char *candidate = xasprintf("%.*s/%s", (int)len, path, name);
        if (len > 0 && is_program(candidate)) {
            return candidate;
        }
        free(candidate);
        path += len + (path[len] == ':');
    }
    return NULL;
}
