/* What roomctl's commands have in common: asking the node, and telling the operator. */
#include "roomctl/roomctl.h"

#include "base/url.h"
#include "roomctl/internal.h"
#include "value/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void ctl_complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("roomctl: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

enum ctl_exit ctl_print(const struct buf *text)
{
    size_t len = buf_len(text);
    if ((len > 0 && fwrite(buf_head(text), len, 1, stdout) != 1) || fflush(stdout) != 0) {
        ctl_complain("cannot write: %s", strerror(errno));
        return CTL_FAILED;
    }
    return CTL_OK;
}

enum ctl_exit ctl_print_json(struct value value)
{
    struct buf text = {0};
    json_write(value, &text);
    buf_append_byte(&text, '\n');
    enum ctl_exit status = ctl_print(&text);
    buf_finish(&text);
    return status;
}

/* ---- asking ---- */

void ctl_answer_finish(struct ctl_answer *answer)
{
    buf_finish(&answer->bytes);
}

/* What a problem document says; anything else is not of a roomd. */
static void complain_of(int status, struct value problem)
{
    struct str title = ctl_text(problem, "title", "");
    struct str detail = ctl_text(problem, "detail", "");
    if (title.len > 0) {
        ctl_complain("%.*s: %.*s", STR_ARG(title), STR_ARG(detail));
    } else {
        ctl_complain("the answer has status %d and no reason; is that the admin port of a roomd?",
                     status);
    }
}

/* "urn:roomd:problem:no-worker" */
static bool is_problem(struct value problem, const char *type)
{
    static const struct str prefix = {"urn:roomd:problem:", 18};
    struct str text = ctl_text(problem, "type", "");
    return type && str_starts(text, prefix) &&
           str_eq((struct str){text.ptr + prefix.len, text.len - prefix.len}, str_of(type));
}

enum ctl_exit ctl_ask_unless(struct ctl *ctl, const struct http_request *request, const char *type,
                             struct ctl_answer *answer, bool *refused)
{
    *refused = false;
    *answer = (struct ctl_answer){0};
    struct http_response response;
    struct buf why = {0};
    enum ctl_exit status = CTL_OK;
    char address[ADDRESS_TEXT_MAX];
    enum err err = http_client_ask(ctl->http, request, &response, &why);
    if (err == ERR_IO) {
        ctl_complain("cannot write: %s", strerror(errno));
        status = CTL_FAILED;
    } else if (err && response.status > 0) {
        ctl_complain("the answer broke off; what is there is not all");
        status = CTL_FAILED;
    } else if (err) {
        ctl_complain("no answer from %s: %.*s", address_format(&ctl->options.admin, address),
                     STR_ARG(buf_str(&why)));
        status = CTL_UNREACHABLE;
    } else {
        bool parsed = !json_parse(buf_str(&response.body), &answer->bytes);
        answer->value = parsed ? value_at(buf_head(&answer->bytes)) : VALUE_NONE;
        bool fine = response.status >= 200 && response.status < 300;
        if (!fine && is_problem(answer->value, type)) {
            *refused = true;
            status = CTL_FAILED;
        } else if (!fine) {
            complain_of(response.status, answer->value);
            status = CTL_FAILED;
        } else if (!parsed && !request->take) {
            ctl_complain("the answer is no JSON; is %s the admin port of a roomd?",
                         address_format(&ctl->options.admin, address));
            status = CTL_FAILED;
        }
    }
    buf_finish(&response.body);
    buf_finish(&why);
    return status;
}

enum ctl_exit ctl_ask(struct ctl *ctl, const struct http_request *request,
                      struct ctl_answer *answer)
{
    bool refused;
    return ctl_ask_unless(ctl, request, NULL, answer, &refused);
}

enum ctl_exit ctl_get(struct ctl *ctl, const char *path, struct ctl_answer *answer)
{
    struct http_request request = {.method = "GET", .path = path, .limit_s = CTL_LIMIT_S};
    return ctl_ask(ctl, &request, answer);
}

char *ctl_path(const char *before, const char *name, const char *after)
{
    struct buf path = {0};
    size_t len;
    buf_append_str(&path, str_of(before));
    url_encode_name(str_of(name), &path);
    buf_append_str(&path, str_of(after));
    buf_append_byte(&path, '\0');
    return (char *)buf_take(&path, &len);
}

/* ---- reading ---- */

struct str ctl_text(struct value object, const char *name, const char *other)
{
    struct str text;
    return value_string(value_get(object, str_of(name)), &text) ? text : str_of(other);
}

double ctl_number(struct value object, const char *name)
{
    double number = 0;
    return value_number(value_get(object, str_of(name)), &number) ? number : 0;
}

bool ctl_is_true(struct value object, const char *name)
{
    bool is = false;
    return value_bool(value_get(object, str_of(name)), &is) && is;
}

/* ---- cells ---- */

void table_add_number(struct table *table, struct value object, const char *name)
{
    char text[32];
    double number;
    bool is = value_number(value_get(object, str_of(name)), &number);
    snprintf(text, sizeof(text), "%.0f", is ? number : 0);
    table_add(table, is ? str_of(text) : STR("-"));
}

void table_add_bytes(struct table *table, struct value object, const char *name)
{
    char text[16];
    double number;
    bool is = value_number(value_get(object, str_of(name)), &number);
    table_bytes(is ? number : 0, text);
    table_add(table, is ? str_of(text) : STR("-"));
}

/* ---- all of it ---- */

static enum ctl_exit run_command(struct ctl *ctl)
{
    switch (ctl->options.command->id) {
    case CTL_PS:
        return ctl_ps(ctl);
    case CTL_NODES:
        return ctl_nodes(ctl);
    case CTL_WORKERS:
        return ctl_workers(ctl);
    case CTL_REBALANCE:
        return ctl_rebalance(ctl);
    case CTL_READY:
        return ctl_ready(ctl);
    case CTL_ROOMS:
        return ctl_rooms(ctl);
    case CTL_DRAIN:
        return ctl_drain(ctl);
    case CTL_MOVE:
        return ctl_move(ctl);
    case CTL_RELEASE:
        return ctl_release(ctl);
    case CTL_ROOM:
        return ctl_room(ctl);
    case CTL_SNAPSHOT:
        return ctl_snapshot(ctl);
    case CTL_LOAD:
        return ctl_load(ctl);
    case CTL_PUT:
        return ctl_put(ctl);
    case CTL_DELETE:
        return ctl_delete(ctl);
    case CTL_RECORD:
        return ctl_record(ctl);
    case CTL_SESSIONS:
        return ctl_sessions(ctl);
    case CTL_CLOSE:
        return ctl_close(ctl);
    case CTL_READONLY:
        return ctl_readonly(ctl);
    case CTL_SEND:
        return ctl_send(ctl);
    case CTL_DELETE_ROOM:
        return ctl_delete_room(ctl);
    case CTL_SCHEMA:
        return ctl_schema(ctl);
    }
    return CTL_USAGE;
}

static enum ctl_exit say(const struct buf *text, enum ctl_outcome outcome)
{
    if (outcome == CTL_TOLD) {
        return ctl_print(text);
    }
    fwrite(buf_head(text), buf_len(text), 1, stderr);
    return CTL_USAGE;
}

enum ctl_exit roomctl_run(int argc, char *const *argv)
{
    struct ctl ctl = {0};
    struct buf text = {0};
    enum ctl_exit status;
    enum ctl_outcome outcome = ctl_options_read(&ctl.options, argc, argv, environ, &text);
    if (outcome != CTL_GO) {
        status = say(&text, outcome);
    } else if (http_client_create(&ctl.options.admin, &ctl.http)) {
        ctl_complain("cannot run: %s", strerror(errno));
        status = CTL_FAILED;
    } else {
        status = run_command(&ctl);
    }
    http_client_destroy(ctl.http);
    ctl_options_finish(&ctl.options);
    buf_finish(&text);
    return status;
}
