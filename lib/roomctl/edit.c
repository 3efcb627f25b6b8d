/* roomctl room, snapshot, load, put, delete, record, delete-room */
#include "base/alloc.h"
#include "base/url.h"
#include "roomctl/internal.h"
#include "roomctl/source.h"
#include "value/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Longer than a node takes to say that something takes too long. */
enum { EDIT_LIMIT_S = 28 };
/* Nothing that a node takes is longer. */
#define SOURCE_MAX ((size_t)512 << 20)

/* ---- reading what is handed in ---- */

enum ctl_exit ctl_read_source(struct ctl *ctl, size_t operand, struct buf *out)
{
    const char *path = ctl->options.operand_count > operand ? ctl->options.operands[operand] : "-";
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    enum { STEP = 64 << 10 };
    size_t got = 0;
    while (file && buf_len(out) <= SOURCE_MAX &&
           (got = fread(buf_reserve(out, STEP), 1, STEP, file)) > 0) {
        buf_commit(out, got);
    }
    const char *trouble = !file || ferror(file)       ? strerror(errno)
                          : buf_len(out) > SOURCE_MAX ? "it is too long"
                                                      : NULL;
    if (trouble) {
        ctl_complain("cannot read %s: %s", standard ? "standard input" : path, trouble);
    }
    if (file && !standard) {
        fclose(file);
    }
    return trouble ? CTL_FAILED : CTL_OK;
}

/* ---- asking ---- */

char *ctl_room_path(const struct ctl *ctl, const char *kind, const char *target, const char *after)
{
    struct buf path = {0};
    size_t len;
    buf_printf(&path, "/v1/rooms/");
    url_encode_name(str_of(ctl->options.operands[0]), &path);
    buf_printf(&path, "%s", kind);
    if (target) {
        url_encode_name(str_of(target), &path);
    }
    buf_printf(&path, "%s", after);
    buf_append_byte(&path, '\0');
    return (char *)buf_take(&path, &len);
}

enum ctl_exit ctl_do(struct ctl *ctl, const char *method, const char *path, struct str body,
                     ctl_say_fn say)
{
    struct ctl_answer answer;
    struct http_request request = {
        .method = method, .path = path, .body = body, .limit_s = EDIT_LIMIT_S};
    enum ctl_exit status = ctl_ask(ctl, &request, &answer);
    if (!status && (ctl->options.json || !say)) {
        status = ctl_print_json(answer.value);
    } else if (!status) {
        struct buf text = {0};
        say(ctl, answer.value, &text);
        status = ctl_print(&text);
        buf_finish(&text);
    }
    ctl_answer_finish(&answer);
    return status;
}

/* ---- one room ---- */

static void say_member(struct buf *text, struct str name, struct value member)
{
    struct str words;
    buf_printf(text, "%-18.*s ", STR_ARG(name));
    if (value_string(member, &words)) {
        for (size_t i = 0; i < words.len; i++) { /* a terminal would obey control characters */
            uint8_t byte = (uint8_t)words.ptr[i];
            buf_append_byte(text, byte < ' ' || byte == 0x7f ? '?' : byte);
        }
    } else if (value_type(member) == VALUE_NIL) {
        buf_append_byte(text, '-');
    } else {
        json_write(member, text);
    }
    buf_append_byte(text, '\n');
}

static void say_room(const struct ctl *ctl, struct value room, struct buf *text)
{
    struct value_walk walk = value_members(room);
    struct str name;
    struct value member;
    (void)ctl;
    while (value_next_member(&walk, &name, &member)) {
        say_member(text, name, member);
    }
}

enum ctl_exit ctl_room(struct ctl *ctl)
{
    char *path = ctl_room_path(ctl, "", NULL, "");
    enum ctl_exit status = ctl_do(ctl, "GET", path, (struct str){0}, say_room);
    free(path);
    return status;
}

static void say_deleted(const struct ctl *ctl, struct value answer, struct buf *text)
{
    (void)answer;
    buf_printf(text, "%s: deleted\n", ctl->options.operands[0]);
}

enum ctl_exit ctl_delete_room(struct ctl *ctl)
{
    if (!(ctl->options.given & CTL_YES)) {
        ctl_complain("everything in the room \"%s\" would be gone for good; say --yes",
                     ctl->options.operands[0]);
        return CTL_USAGE;
    }
    char *path = ctl_room_path(ctl, "", NULL, "");
    enum ctl_exit status = ctl_do(ctl, "DELETE", path, (struct str){0}, say_deleted);
    free(path);
    return status;
}

/* ---- snapshots ---- */

static bool write_out(void *ctx, struct str bytes)
{
    (void)ctx;
    return fwrite(bytes.ptr, 1, bytes.len, stdout) == bytes.len;
}

enum ctl_exit ctl_snapshot(struct ctl *ctl)
{
    struct ctl_answer answer;
    char *path = ctl_room_path(ctl, "/snapshot", NULL, "");
    struct http_request request = {
        .method = "GET", .path = path, .limit_s = EDIT_LIMIT_S, .take = write_out};
    enum ctl_exit status = ctl_ask(ctl, &request, &answer);
    if (!status && fflush(stdout) != 0) {
        ctl_complain("cannot write: %s", strerror(errno));
        status = CTL_FAILED;
    }
    ctl_answer_finish(&answer);
    free(path);
    return status;
}

static void say_edited(const struct ctl *ctl, struct value answer, struct buf *text)
{
    buf_printf(text, "%s: %s, clock %.0f\n", ctl->options.operands[0],
               ctl_is_true(answer, "changed") ? "changed" : "nothing to change",
               ctl_number(answer, "clock"));
}

enum ctl_exit ctl_load(struct ctl *ctl)
{
    struct buf source = {0};
    struct buf body = {0};
    struct buf why = {0};
    enum ctl_exit status = ctl_read_source(ctl, 1, &source);
    if (!status && !source_snapshot(buf_str(&source), &body, &why)) {
        ctl_complain("what is to be loaded is %.*s", STR_ARG(buf_str(&why)));
        status = CTL_FAILED;
    }
    buf_finish(&source);
    if (!status) {
        char *path = ctl_room_path(ctl, "/snapshot", NULL, "");
        status = ctl_do(ctl, "PUT", path, buf_str(&body), say_edited);
        free(path);
    }
    buf_finish(&body);
    buf_finish(&why);
    return status;
}

/* ---- records ---- */

static enum ctl_exit update(struct ctl *ctl, const struct buf *body)
{
    char *path = ctl_room_path(ctl, "/update", NULL, "");
    enum ctl_exit status = ctl_do(ctl, "POST", path, buf_str(body), say_edited);
    free(path);
    return status;
}

enum ctl_exit ctl_put(struct ctl *ctl)
{
    struct buf source = {0};
    struct buf body = {0};
    struct buf why = {0};
    enum ctl_exit status = ctl_read_source(ctl, 1, &source);
    if (!status && !source_puts(buf_str(&source), &body, &why)) {
        ctl_complain("what is to be put is %.*s", STR_ARG(buf_str(&why)));
        status = CTL_FAILED;
    }
    status = status ? status : update(ctl, &body);
    buf_finish(&source);
    buf_finish(&body);
    buf_finish(&why);
    return status;
}

enum ctl_exit ctl_delete(struct ctl *ctl)
{
    struct buf body = {0};
    buf_printf(&body, "{\"deletes\":[");
    for (size_t i = 1; i < ctl->options.operand_count; i++) {
        if (i > 1) {
            buf_append_byte(&body, ',');
        }
        json_write_string(str_of(ctl->options.operands[i]), &body);
    }
    buf_printf(&body, "]}");
    enum ctl_exit status = update(ctl, &body);
    buf_finish(&body);
    return status;
}

enum ctl_exit ctl_record(struct ctl *ctl)
{
    struct ctl_answer answer;
    char *path = ctl_room_path(ctl, "/records/", ctl->options.operands[1], "");
    enum ctl_exit status = ctl_get(ctl, path, &answer);
    if (!status) {
        status = ctl_print_json(ctl->options.json ? answer.value
                                                  : value_get(answer.value, STR("state")));
    }
    ctl_answer_finish(&answer);
    free(path);
    return status;
}
