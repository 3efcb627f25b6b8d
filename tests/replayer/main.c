/* replay DIR... [--only NAME] [--verbose]
 *
 * Replays every golden vector and transcript below the directories: what the original answered, the
 * library must answer. Files are recognised by their content. Ends with the line
 * "N passed, N failed[, N skipped]"; exits 1 if anything failed or nothing was there. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "report.h"
#include "schemas.h"
#include "transcript.h"
#include "value/json.h"
#include "value/pack.h"
#include "vectors.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct str base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return str_of(slash ? slash + 1 : path);
}

static void replay_value(struct report *report, const char *path, struct value root)
{
    if (vectors_recognise(root)) {
        vectors_replay(report, path, root);
    } else if (transcript_recognise(root)) {
        transcript_replay(report, path, root);
    } else if (vectors_is_schema_data(root)) {
        return; /* what other files refer to */
    } else if (value_type(root) == VALUE_MAP && report_wants(report, base_name(path))) {
        report_skip(report, path, base_name(path), 1, "neither vectors nor a transcript");
    }
}

enum { FILE_MAX = 256 << 20 };

/* Anything but JSON (a README, say) is passed over, and so is JSON that is no object (an index). */
static void replay_file(struct report *report, const char *path)
{
    struct buf text = {0};
    struct buf root = {0};
    if (file_read(path, FILE_MAX, &text)) {
        buf_append_str(&root, STR("cannot be read"));
        report_fail(report, path, base_name(path), &root);
    } else if (buf_len(&text) > 0 && buf_head(&text)[0] == '{') {
        enum err err = json_parse(buf_str(&text), &root);
        if (err) {
            buf_printf(&root, "not JSON: %s", err_name(err));
            report_fail(report, path, base_name(path), &root);
        } else {
            replay_value(report, path, buf_value(&root));
        }
    }
    buf_finish(&root);
    buf_finish(&text);
}

static bool replay_path(struct report *report, const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        perror(path);
        return false;
    }
    if (!S_ISDIR(info.st_mode)) {
        replay_file(report, path);
        return true;
    }
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    bool ok = count >= 0;
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            char *child = xasprintf("%s/%s", path, entries[i]->d_name);
            ok = replay_path(report, child) && ok;
            free(child);
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
    return ok;
}

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s DIR... [--only NAME] [--verbose]\n", program);
    return 2;
}

int main(int argc, char **argv)
{
    struct report report = {0};
    int paths = 0;
    bool ok = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0) {
            report.verbose = true;
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            report.only = argv[++i];
        } else if (argv[i][0] == '-') {
            return usage(argv[0]);
        } else {
            argv[1 + paths++] = argv[i];
        }
    }
    if (paths == 0) {
        return usage(argv[0]);
    }
    for (int i = 1; i <= paths; i++) {
        ok = replay_path(&report, argv[i]) && ok;
    }
    ok = ok && report.failed == 0 && report.passed + report.skipped > 0;
    schemas_finish();
    printf("%u passed, %u failed", report.passed, report.failed);
    if (report.skipped > 0) {
        printf(", %u skipped", report.skipped);
    }
    printf("\n");
    return ok ? 0 : 1;
}
