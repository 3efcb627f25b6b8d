/* What the commands of roomctl share. Private. */
#ifndef ROOMCTL_INTERNAL_H
#define ROOMCTL_INTERNAL_H

#include "net/http_client.h"
#include "roomctl/options.h"
#include "roomctl/roomctl.h"
#include "roomctl/table.h"
#include "value/value.h"

struct ctl {
    struct ctl_options options;
    struct http_client *http; /* owned */
};

/* Longest that a node may take for an answer that needs no waiting. */
enum { CTL_LIMIT_S = 15 };

/* An answer of the node: JSON of a 2xx. */
struct ctl_answer {
    struct buf bytes; /* owned; holds the value */
    struct value value;
};

/* One request. Says on stderr what went wrong, and returns how to exit. */
enum ctl_exit ctl_ask(struct ctl *ctl, const struct http_request *request,
                      struct ctl_answer *answer);
enum ctl_exit ctl_get(struct ctl *ctl, const char *path, struct ctl_answer *answer);
void ctl_answer_finish(struct ctl_answer *answer);
/* The same, where the refusal of this type (its last word: "no-worker") is for the caller to deal
 * with: then nothing is said, and *refused is true. */
enum ctl_exit ctl_ask_unless(struct ctl *ctl, const struct http_request *request, const char *type,
                             struct ctl_answer *answer, bool *refused);

/* All rooms that fit the query, "" or "&node=..." and the like, each once, by name. */
struct room_list; /* rooms.c */
struct room_list *ctl_list_rooms(struct ctl *ctl, const char *query, enum ctl_exit *status);
size_t ctl_room_count(const struct room_list *list);
struct value ctl_room_at(const struct room_list *list, size_t index);
void ctl_room_list_destroy(struct room_list *list);

/* "/v1/rooms/ROOM" with the first operand as ROOM, then `kind`, and `target` encoded if it is not
 * NULL, and `after`; the caller frees it. */
char *ctl_room_path(const struct ctl *ctl, const char *kind, const char *target, const char *after);
typedef void (*ctl_say_fn)(const struct ctl *ctl, struct value answer, struct buf *text);
/* Asks, and prints the answer in words, or with --json as it is. */
enum ctl_exit ctl_do(struct ctl *ctl, const char *method, const char *path, struct str body,
                     ctl_say_fn say);
/* Reads the file that this operand names; standard input if it is "-" or not there. */
enum ctl_exit ctl_read_source(struct ctl *ctl, size_t operand, struct buf *out);

/* One line on stderr. */
void ctl_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* To stdout; says so and returns CTL_FAILED if that is full or closed. */
enum ctl_exit ctl_print(const struct buf *text);
/* The value as a line of JSON. */
enum ctl_exit ctl_print_json(struct value value);

/* Members of an object: a text, or `other` where it is none; a number, or 0. */
struct str ctl_text(struct value object, const char *name, const char *other);
double ctl_number(struct value object, const char *name);
bool ctl_is_true(struct value object, const char *name);

/* "/v1/rooms/" NAME "/move", the name encoded; the caller frees it. */
char *ctl_path(const char *before, const char *name, const char *after);

/* The next cell: a member that is a number, or "-". */
void table_add_number(struct table *table, struct value object, const char *name);
void table_add_bytes(struct table *table, struct value object, const char *name);

enum ctl_exit ctl_nodes(struct ctl *ctl);
enum ctl_exit ctl_workers(struct ctl *ctl);
enum ctl_exit ctl_rebalance(struct ctl *ctl);
enum ctl_exit ctl_ps(struct ctl *ctl);
enum ctl_exit ctl_ready(struct ctl *ctl);
enum ctl_exit ctl_rooms(struct ctl *ctl);
enum ctl_exit ctl_drain(struct ctl *ctl);
enum ctl_exit ctl_move(struct ctl *ctl);
enum ctl_exit ctl_release(struct ctl *ctl);
enum ctl_exit ctl_room(struct ctl *ctl);
enum ctl_exit ctl_snapshot(struct ctl *ctl);
enum ctl_exit ctl_load(struct ctl *ctl);
enum ctl_exit ctl_put(struct ctl *ctl);
enum ctl_exit ctl_delete(struct ctl *ctl);
enum ctl_exit ctl_record(struct ctl *ctl);
enum ctl_exit ctl_sessions(struct ctl *ctl);
enum ctl_exit ctl_close(struct ctl *ctl);
enum ctl_exit ctl_readonly(struct ctl *ctl);
enum ctl_exit ctl_send(struct ctl *ctl);
enum ctl_exit ctl_delete_room(struct ctl *ctl);
enum ctl_exit ctl_schema(struct ctl *ctl);

#endif
