/* roomctl move and release */
#include "base/alloc.h"
#include "roomctl/internal.h"
#include "value/json.h"

#include <stdlib.h>

/* Longer than a node takes to say that a move takes too long. */
#define MOVE_LIMIT_S 28

/* ---- move ---- */

static void say_moved(struct value moved, struct buf *text)
{
    struct str id = ctl_text(moved, "id", "?");
    struct str from = ctl_text(moved, "from", "?");
    struct str owner = ctl_text(moved, "owner", "?");
    struct str worker = ctl_text(moved, "worker", "");
    struct str node = ctl_text(moved, "node", "?");
    double epoch = ctl_number(moved, "epoch");
    struct buf to = {0};
    if (worker.len > 0) {
        buf_printf(&to, "%.*s (%.*s)", STR_ARG(worker), STR_ARG(owner));
    } else {
        buf_printf(&to, "%.*s of node %.*s", STR_ARG(owner), STR_ARG(node));
    }
    if (ctl_is_true(moved, "moved")) {
        buf_printf(text, "%.*s: moved from %.*s to %.*s, epoch %.0f\n", STR_ARG(id), STR_ARG(from),
                   STR_ARG(buf_str(&to)), epoch);
    } else {
        buf_printf(text, "%.*s: is at %.*s already, epoch %.0f\n", STR_ARG(id),
                   STR_ARG(buf_str(&to)), epoch);
    }
    buf_finish(&to);
}

/* Prints the answer as it is, or in words. */
static enum ctl_exit show(struct ctl *ctl, struct value answer,
                          void (*say)(struct value answer, struct buf *text))
{
    if (ctl->options.json) {
        return ctl_print_json(answer);
    }
    struct buf text = {0};
    say(answer, &text);
    enum ctl_exit status = ctl_print(&text);
    buf_finish(&text);
    return status;
}

enum ctl_exit ctl_move(struct ctl *ctl)
{
    struct buf body = {0};
    struct ctl_answer answer;
    char *path = ctl_path("/v1/rooms/", ctl->options.operands[0], "/move");
    buf_append_str(&body, STR("{\"worker\":"));
    json_write_string(str_of(ctl->options.operands[1]), &body);
    buf_append_str(&body, STR("}"));
    struct http_request request = {
        .method = "POST", .path = path, .body = buf_str(&body), .limit_s = MOVE_LIMIT_S};
    enum ctl_exit status = ctl_ask(ctl, &request, &answer);
    if (!status) {
        status = show(ctl, answer.value, say_moved);
    }
    ctl_answer_finish(&answer);
    buf_finish(&body);
    free(path);
    return status;
}

/* ---- release ---- */

static void say_released(struct value released, struct buf *text)
{
    struct str id = ctl_text(released, "id", "?");
    buf_printf(text,
               ctl_is_true(released, "released") ? "%.*s: released, people get in again\n"
                                                 : "%.*s: was not in quarantine\n",
               STR_ARG(id));
}

enum ctl_exit ctl_release(struct ctl *ctl)
{
    struct ctl_answer answer;
    char *path = ctl_path("/v1/rooms/", ctl->options.operands[0], "/quarantine");
    struct http_request request = {.method = "DELETE", .path = path, .limit_s = CTL_LIMIT_S};
    enum ctl_exit status = ctl_ask(ctl, &request, &answer);
    if (!status) {
        status = show(ctl, answer.value, say_released);
    }
    ctl_answer_finish(&answer);
    free(path);
    return status;
}
