/* roomctl sessions, close, readonly, send */
#include "base/url.h"
#include "roomctl/internal.h"
#include "roomctl/table.h"
#include "value/json.h"

#include <stdio.h>
#include <stdlib.h>

static const struct table_column columns[] = {{"SESSION", false},
                                              {"STATE", false},
                                              {"ACCESS", false},
                                              {"OBJECTS", false},
                                              {"GATEWAY", false}};

static void say_sessions(const struct ctl *ctl, struct value answer, struct buf *text)
{
    struct table table;
    struct value_walk walk = value_items(value_get(answer, STR("sessions")));
    struct value session;
    (void)ctl;
    table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    while (value_next_item(&walk, &session)) {
        table_add(&table, ctl_text(session, "sessionId", "?"));
        table_add(&table, ctl_text(session, "state", "?"));
        table_add(&table, ctl_is_true(session, "isReadonly") ? STR("read") : STR("write"));
        table_add(&table, ctl_text(session, "objectAccess", "?"));
        table_add(&table, ctl_text(session, "gateway", "-"));
    }
    table_render(&table, text);
    table_finish(&table);
}

enum ctl_exit ctl_sessions(struct ctl *ctl)
{
    char *path = ctl_room_path(ctl, "/sessions", NULL, "");
    enum ctl_exit status = ctl_do(ctl, "GET", path, (struct str){0}, say_sessions);
    free(path);
    return status;
}

static void say_closed(const struct ctl *ctl, struct value answer, struct buf *text)
{
    (void)answer;
    buf_printf(text, "%s: closed\n", ctl->options.operands[1]);
}

enum ctl_exit ctl_close(struct ctl *ctl)
{
    struct buf query = {0};
    if (ctl->options.reason) {
        buf_printf(&query, "?reason=");
        url_encode_name(str_of(ctl->options.reason), &query);
    }
    buf_append_byte(&query, '\0');
    char *path =
        ctl_room_path(ctl, "/sessions/", ctl->options.operands[1], (const char *)buf_head(&query));
    enum ctl_exit status = ctl_do(ctl, "DELETE", path, (struct str){0}, say_closed);
    free(path);
    buf_finish(&query);
    return status;
}

static void say_access(const struct ctl *ctl, struct value session, struct buf *text)
{
    buf_printf(text, "%s: %s\n", ctl->options.operands[1],
               ctl_is_true(session, "isReadonly") ? "reads only" : "writes");
}

enum ctl_exit ctl_readonly(struct ctl *ctl)
{
    bool on = strcmp(ctl->options.operands[2], "on") == 0;
    if (!on && strcmp(ctl->options.operands[2], "off") != 0) {
        ctl_complain("read-only is on or off, not \"%s\"", ctl->options.operands[2]);
        return CTL_USAGE;
    }
    char *path = ctl_room_path(ctl, "/sessions/", ctl->options.operands[1], "");
    enum ctl_exit status =
        ctl_do(ctl, "PATCH", path,
               on ? STR("{\"isReadonly\":true}") : STR("{\"isReadonly\":false}"), say_access);
    free(path);
    return status;
}

static void say_sent(const struct ctl *ctl, struct value answer, struct buf *text)
{
    (void)answer;
    buf_printf(text, "%s: sent\n", ctl->options.operands[1]);
}

enum ctl_exit ctl_send(struct ctl *ctl)
{
    struct buf body = {0};
    enum ctl_exit status = ctl_read_source(ctl, 2, &body);
    if (!status) {
        char *path = ctl_room_path(ctl, "/sessions/", ctl->options.operands[1], "/custom");
        status = ctl_do(ctl, "POST", path, buf_str(&body), say_sent);
        free(path);
    }
    buf_finish(&body);
    return status;
}
