/* Reading snapshots (SNAP-2..6). Their members come in any order, and any of them may be too large
 * to be stepped over at once, so first it is found out where each one begins. */
#include "room/intake.h"

#include "base/alloc.h"
#include "room/clock_order.h"

#include <stdlib.h>

enum intake_state {
    INTAKE_MEMBERS, /* where is what? */
    INTAKE_FORM,
    INTAKE_RECORDS, /* in the order of their last mention: of two with one id the last wins (SNAP-5)
                     */
    INTAKE_ORDER_RECORDS,
    INTAKE_TOMBSTONES,
    INTAKE_ORDER_TOMBSTONES,
    INTAKE_CLOCKS,
    INTAKE_DONE,
    INTAKE_FAILED,
};

/* Members of a snapshot; each starts where the value says, of a length that is not known. */
struct parts {
    struct value clock, document_clock, history, documents, store, tombstones, schema;
};

struct intake {
    struct documents *into; /* borrowed */
    enum intake_state state;
    struct value_walk members; /* of the snapshot */
    struct value_walk walk;    /* of what is in one of them */
    bool inside, is_map;       /* that is walked, and is a map */
    struct parts parts;
    struct clock_order *order; /* owned; while it is put in order */
    uint64_t last;             /* clock of the last one read */
    uint64_t buried;           /* highest clock of a tombstone */
    bool unordered;
};

struct intake *intake_create(struct documents *documents, struct value snapshot)
{
    struct intake *intake = xcalloc(1, sizeof(*intake));
    intake->into = documents;
    intake->members = value_members(snapshot);
    return intake;
}

void intake_destroy(struct intake *intake)
{
    if (intake) {
        clock_order_destroy(intake->order);
        free(intake);
    }
}

struct value intake_schema(const struct intake *intake)
{
    struct value schema = intake->parts.schema;
    return value_present(schema) ? value_at(schema.data) : VALUE_NONE;
}

static struct value *part_of(struct parts *parts, struct str key)
{
    return str_eq(key, STR("documentClock"))                   ? &parts->document_clock
           : str_eq(key, STR("tombstoneHistoryStartsAtClock")) ? &parts->history
           : str_eq(key, STR("documents"))                     ? &parts->documents
           : str_eq(key, STR("store"))                         ? &parts->store
           : str_eq(key, STR("tombstones"))                    ? &parts->tombstones
           : str_eq(key, STR("schema"))                        ? &parts->schema
           : str_eq(key, STR("clock"))                         ? &parts->clock
                                                               : NULL;
}

static void enter(struct intake *intake, struct value part)
{
    intake->is_map = value_type(part) == VALUE_MAP;
    intake->walk = intake->is_map ? value_members(part) : value_items(part);
}

/* Sets *key only in a map. */
static bool next(struct intake *intake, struct str *key, struct value *value)
{
    return intake->is_map ? value_next_member(&intake->walk, key, value)
                          : value_next_item(&intake->walk, value);
}

/* ---- where is what ---- */

static void begin_member(struct intake *intake)
{
    struct str key;
    struct value member;
    if (!value_next_key(&intake->members, &key, &member)) {
        intake->state = INTAKE_FORM;
        return;
    }
    struct value *part = part_of(&intake->parts, key);
    if (part) {
        *part = member;
    }
    enter(intake, member);
    intake->inside = intake->walk.at != NULL;
    if (!intake->inside) {
        intake->members.at += value_at(member.data).len;
    }
}

static void find_members(struct intake *intake, struct slice *slice)
{
    while (intake->state == INTAKE_MEMBERS && slice_left(slice)) {
        struct str key;
        struct value value = {0};
        if (!intake->inside) {
            begin_member(intake);
        } else if (!next(intake, &key, &value)) {
            intake->members.at = intake->walk.at;
            intake->inside = false;
        }
        slice_spend(slice, value.len / 4); /* it is only stepped over */
    }
}

/* ---- its form, and where its clocks are ---- */

static bool is_room(const struct intake *intake)
{
    return value_present(intake->parts.documents);
}

static bool read_clock(struct value value, uint64_t missing, uint64_t *out)
{
    *out = missing;
    return !value_present(value) || value_u64(value, out);
}

static enum intake_state check_form(struct intake *intake)
{
    struct parts *parts = &intake->parts;
    if (is_room(intake) ? value_type(parts->documents) != VALUE_ARRAY
                        : value_type(parts->store) != VALUE_MAP) {
        return INTAKE_FAILED;
    }
    if (!is_room(intake)) { /* SNAP-6: all at clock 0 */
        parts->clock = parts->document_clock = parts->history = parts->tombstones = VALUE_NONE;
    }
    struct value clock =
        value_present(parts->document_clock) ? parts->document_clock : parts->clock;
    if (!read_clock(clock, 0, &intake->into->clock)) {
        return INTAKE_FAILED;
    }
    enter(intake, is_room(intake) ? parts->documents : parts->store);
    return INTAKE_RECORDS;
}

/* ---- records ---- */

static void note_clock(struct intake *intake, uint64_t clock)
{
    intake->unordered |= clock < intake->last;
    intake->last = clock;
}

static bool read_record(struct intake *intake, struct value entry)
{
    struct value state = is_room(intake) ? value_get(entry, STR("state")) : entry;
    struct value given = is_room(intake) ? value_get(entry, STR("lastChangedClock")) : VALUE_NONE;
    uint64_t clock;
    struct str id;
    struct str type;
    if (!record_identity(state, &id, &type) || !read_clock(given, 0, &clock)) {
        return false;
    }
    documents_put(intake->into, record_create(state, clock));
    note_clock(intake, clock);
    return true;
}

static enum intake_state read_records(struct intake *intake, struct slice *slice)
{
    struct str key;
    struct value entry;
    while (slice_left(slice)) {
        if (!next(intake, &key, &entry)) {
            return INTAKE_ORDER_RECORDS;
        }
        if (!read_record(intake, entry)) {
            return INTAKE_FAILED;
        }
        slice_spend(slice, entry.len);
    }
    return INTAKE_RECORDS;
}

/* ---- tombstones ---- */

static enum intake_state read_tombstones(struct intake *intake, struct slice *slice)
{
    struct str id;
    struct value value;
    uint64_t clock;
    while (slice_left(slice)) {
        if (!next(intake, &id, &value)) {
            return INTAKE_ORDER_TOMBSTONES;
        }
        if (!value_u64(value, &clock)) {
            return INTAKE_FAILED;
        }
        intake->buried = clock > intake->buried ? clock : intake->buried;
        /* What exists is not deleted, whatever the snapshot says of both. */
        if (!documents_get(intake->into, id)) {
            documents_bury(intake->into, id, clock);
            note_clock(intake, clock);
        }
        slice_spend(slice, id.len);
    }
    return INTAKE_TOMBSTONES;
}

static void begin_tombstones(struct intake *intake)
{
    intake->last = 0;
    intake->unordered = false;
    enter(intake, intake->parts.tombstones);
    if (!intake->is_map) {
        intake->walk = (struct value_walk){0};
    }
}

/* ---- clocks: in a snapshot they come in any order ---- */

static uint64_t clock_of_record(struct list *link)
{
    return list_entry(link, struct record, link)->clock;
}

static uint64_t clock_of_tombstone(struct list *link)
{
    return list_entry(link, struct tombstone, link)->clock;
}

/* Puts a list in the order of its clocks; false: not yet. */
static bool put_in_order(struct intake *intake, struct list *list, clock_order_fn clock_of,
                         struct slice *slice)
{
    if (!intake->unordered) {
        return true;
    }
    if (!intake->order) {
        intake->order = clock_order_create(list, clock_of);
    }
    bool done = clock_order_step(intake->order, slice);
    if (done) {
        clock_order_destroy(intake->order);
        intake->order = NULL;
    }
    return done;
}

static enum intake_state settle_clocks(struct intake *intake)
{
    struct documents *documents = intake->into;
    uint64_t newest =
        list_empty(&documents->by_clock) ? 0 : clock_of_record(documents->by_clock.prev);
    newest = intake->buried > newest ? intake->buried : newest;
    documents->clock = newest > documents->clock ? newest : documents->clock;
    if (!read_clock(intake->parts.history, documents->clock, &documents->history_start)) {
        return INTAKE_FAILED;
    }
    if (documents->history_start >= documents->clock) {
        documents->history_start = documents->clock;
        documents_forget_tombstones(documents); /* SNAP-3, SNAP-4 */
    }
    return INTAKE_DONE;
}

enum err intake_step(struct intake *intake, struct slice *slice)
{
    struct documents *into = intake->into;
    for (;;) {
        switch (intake->state) {
        case INTAKE_MEMBERS:
            find_members(intake, slice);
            break;
        case INTAKE_FORM:
            intake->state = check_form(intake);
            break;
        case INTAKE_RECORDS:
            intake->state = read_records(intake, slice);
            break;
        case INTAKE_ORDER_RECORDS:
            if (put_in_order(intake, &into->by_clock, clock_of_record, slice)) {
                begin_tombstones(intake);
                intake->state = INTAKE_TOMBSTONES;
            }
            break;
        case INTAKE_TOMBSTONES:
            intake->state = read_tombstones(intake, slice);
            break;
        case INTAKE_ORDER_TOMBSTONES:
            if (put_in_order(intake, &into->buried, clock_of_tombstone, slice)) {
                intake->state = INTAKE_CLOCKS;
            }
            break;
        case INTAKE_CLOCKS:
            intake->state = settle_clocks(intake);
            break;
        case INTAKE_DONE:
            return ERR_OK;
        case INTAKE_FAILED:
            return ERR_MALFORMED;
        }
        if (!slice_left(slice) && intake->state != INTAKE_DONE && intake->state != INTAKE_FAILED) {
            return ERR_AGAIN;
        }
    }
}

enum err documents_read(struct documents *documents, struct value snapshot)
{
    struct slice all = SLICE_ALL;
    struct intake *intake = intake_create(documents, snapshot);
    enum err err = intake_step(intake, &all);
    intake_destroy(intake);
    return err;
}
