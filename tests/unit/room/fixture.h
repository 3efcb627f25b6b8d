/* A room whose host writes down what it is told, one line each:
 *
 *      append CLOCK SESSION:SEQ OUTCOME DIFF     an entry
 *      append CLOCK schema DIFF                  an entry that sets the schema
 *      SESSION connect|event|pong|custom|legacy MESSAGE
 *      all[@EDITION][ but SESSION] EVENT
 *      SESSION closed[ CODE REASON]
 *      SESSION removed | empty | changed
 *      SESSION refused REASON                    for its schema
 *
 * JSON is written with ' for " here, both ways. Random ids count up: 000000000000000000001. */
#ifndef TEST_ROOM_FIXTURE_H
#define TEST_ROOM_FIXTURE_H

#include "room/host.h"
#include "room/room.h"
#include "schema/file.h"
#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#define NOTES "{'schemaVersion':2,'sequences':{'note':1}}"
#define TLDRAW "{'schemaVersion':2,'sequences':{'com.tldraw.document':2,'com.tldraw.page':1}}"

/* What the engine's two functions do to a note's n, and how often either was called. With 666 they
 * fail, with 555 the engine is away. */
struct fixture_engine {
    struct schema_engine engine;
    unsigned jobs, runs;
};

struct fixture {
    struct room_config config;
    struct fixture_engine engine;
    struct room *room;
    struct room *copy; /* fed with the entries; NULL: none */
    struct buf lines;
    uint64_t now_ms;
    uint64_t ids;
    uint64_t seq;
    const char *schema; /* that clients bring; NOTES at first */
    void (*on_session_snapshot)(void *fixture, struct room_session *session);
};

void fixture_init(struct fixture *fixture);
/* A room read from this snapshot; the reading must succeed. */
void fixture_init_from(struct fixture *fixture, const char *snapshot);
/* Rooms are made from now on under a schema file: notes with a number n and a color, and persons as
 * presence. Version 1 of "note" gave them their color, in steps, and version 2 counts n from 100,
 * in code; version 3, with `newer`, calls n number. */
void fixture_use_schema(struct fixture *fixture, bool newer);
#define NOTE_0 "{'schemaVersion':2,'sequences':{'note':0}}"
#define NOTE_1 "{'schemaVersion':2,'sequences':{'note':1}}"
#define NOTE_2 "{'schemaVersion':2,'sequences':{'note':2}}"
#define NOTE_3 "{'schemaVersion':2,'sequences':{'note':3}}"
/* Such a note as JSON, and the op that puts it. */
#define COLORED(id, n) "{'id':'" id "','typeName':'note','color':'red','n':" n "}"
#define PUT_COLORED(id, n) "'" id "':['put'," COLORED(id, n) "]"
/* The room goes on under another one, as with the next owner, without its sessions. */
void fixture_restart(struct fixture *fixture);
void fixture_finish(struct fixture *fixture);

/* A session with a socket; "read-only" sessions by a name that starts with R. */
struct room_session *open_session(struct fixture *fixture, const char *id);
/* And connected with protocol 8, from clock -1; what was told is forgotten. */
struct room_session *connect_session(struct fixture *fixture, const char *id);
/* A connect message with these members besides type, connectRequestId and schema. */
void send_connect(struct fixture *fixture, const char *id, const char *members);
void send_message(struct fixture *fixture, const char *id, const char *json);
/* A push with these members besides its type. */
void send_push(struct fixture *fixture, const char *id, const char *members);

/* What was told since the last call is these lines. */
void assert_told(struct fixture *fixture, const char *lines);
/* Contains this text; nothing is forgotten. */
bool was_told(const struct fixture *fixture, const char *text);
void forget_told(struct fixture *fixture);
/* The room's snapshot, as a value, is this. */
void assert_snapshot(const struct room *room, const char *json);
/* Appends the value of a text with ' for ". */
struct value parse(const char *json, struct buf *out);

#endif
