#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t any(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

/* Appends one random op for the record, as text; some are valid, some are not. */
static void write_op(uint32_t *seed, struct buf *out, uint32_t number)
{
    static const char *const patches[] = {
        "'n':['put',%u]",
        "'text':['put','t%u']",
        "'text':['append','z',%u]",
        "'l':['append',[1,2],%u]",
        "'l':['patch',{'0':['put',%u]}]",
        "'props':['patch',{'a':['put',%u]}]",
        "'n':['delete']",
    };
    buf_printf(out, "'note:%u':", number);
    switch (any(seed, 4)) {
    case 0:
        buf_printf(out,
                   "['put',{'id':'note:%u','typeName':'note','text':'t','l':[%u],'props':{'a':1}}]",
                   number, any(seed, 3));
        break;
    case 1:
        buf_append_str(out, STR("['remove']"));
        break;
    default: {
        char patch[80];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(patch, sizeof(patch), patches[any(seed, 7)], any(seed, 4));
#pragma GCC diagnostic pop
        buf_printf(out, "['patch',{%s}]", patch);
        break;
    }
    }
}

static void write_push(uint32_t *seed, struct buf *out)
{
    enum { RECORDS = 12 };
    if (any(seed, 4) == 0) {
        buf_append_str(out, STR("'presence':['put',{'typeName':'presence'}],"));
    }
    buf_append_str(out, STR("'diff':{"));
    uint32_t first = any(seed, RECORDS);
    uint32_t count = any(seed, 4);
    for (uint32_t i = 0; i < count; i++) {
        buf_append_str(out, i ? STR(",") : STR(""));
        write_op(seed, out, (first + i) % RECORDS);
    }
    if (any(seed, 12) == 0) { /* rejected, and none of it remains */
        buf_append_str(out, count ? STR(",") : STR(""));
        buf_append_str(out, any(seed, 2) ? STR("'bad':['put',{'id':'bad'}]") : STR("'bad':null"));
    }
    buf_append_str(out, STR("}"));
    buf_append_byte(out, 0);
}

static void assert_same(const struct room *room, const struct room *copy)
{
    struct buf a = {0};
    struct buf b = {0};
    room_write_snapshot(room, &a);
    room_write_snapshot(copy, &b);
    cr_assert(value_equal(buf_value(&a), buf_value(&b)));
    buf_finish(&a);
    buf_finish(&b);
}

/* The room's documents as a snapshot has them, in another room. */
static void start_copy(struct fixture *f, struct fixture *holder)
{
    struct buf snapshot = {0};
    fixture_init(holder);
    room_destroy(f->copy);
    f->copy = holder->room;
    holder->room = NULL;
    room_write_snapshot(f->room, &snapshot);
    cr_assert(eq(int, room_read_snapshot(f->copy, buf_value(&snapshot)), ERR_OK));
    buf_finish(&snapshot);
}

/* A live room tells its entries; a copy starts from a snapshot taken somewhere on the way. */
Test(replay, snapshot_and_entries_lead_to_the_same_room)
{
    for (uint32_t run = 0; run < 20; run++) {
        struct fixture f;
        struct fixture holder = {0};
        uint32_t seed = run + 1;
        fixture_init(&f);
        f.schema = run % 2 ? TLDRAW : NOTES;
        start_copy(&f, &holder);
        fixture_finish(&holder);
        uint32_t entries = 0;
        for (uint32_t i = 0; i < 150; i++) {
            struct buf push = {0};
            const char *id = any(&seed, 2) ? "A" : "B";
            if (!room_session_find(f.room, str_of(id))) {
                open_session(&f, id);
                send_connect(&f, id, any(&seed, 5) ? "'protocolVersion':8" : "'protocolVersion':7");
            }
            struct buf before = {0};
            room_write_snapshot(f.room, &before);
            forget_told(&f);
            write_push(&seed, &push);
            send_push(&f, id, (const char *)buf_head(&push));
            entries += was_told(&f, "append");
            if (was_told(&f, "closed")) { /* CLK-5 */
                struct buf after = {0};
                room_write_snapshot(f.room, &after);
                cr_assert(not(was_told(&f, "append")));
                cr_assert(str_eq(buf_str(&before), buf_str(&after)));
                buf_finish(&after);
            }
            assert_same(f.room, f.copy);
            if (any(&seed, 40) == 0) {
                start_copy(&f, &holder);
                fixture_finish(&holder);
            }
            buf_finish(&before);
            buf_finish(&push);
        }
        cr_assert(gt(uint, entries, 20));
        fixture_finish(&f);
    }
}

static enum err replay(struct room *room, uint64_t clock, const char *diff, const char *schema)
{
    struct buf diff_value = {0};
    struct buf schema_value = {0};
    struct room_entry entry = {
        .clock = clock,
        .diff = parse(diff, &diff_value),
        .schema = schema ? parse(schema, &schema_value) : VALUE_NONE,
    };
    enum err err = room_replay(room, &entry);
    buf_finish(&diff_value);
    buf_finish(&schema_value);
    return err;
}

#define START                                                                                      \
    "{'documentClock':5,'tombstoneHistoryStartsAtClock':0,'documents':["                           \
    "{'state':{'id':'note:1','typeName':'note','n':1},'lastChangedClock':5}],"                     \
    "'tombstones':{},'schema':" NOTES "}"

struct replay_case {
    char name[48];
    uint64_t clock;
    char diff[120];
    enum err err;
};

ParameterizedTestParameters(replay, entry)
{
    static struct replay_case cases[] = {
        {"the next one", 6, "{'note:1':['patch',{'n':['put',2]}]}", ERR_OK},
        {"an older one", 5, "{'note:1':['remove']}", ERR_GAP},
        {"one too late", 7, "{'note:1':['remove']}", ERR_GAP},
        {"a removal of nothing", 6, "{'note:2':['remove']}", ERR_MALFORMED},
        {"a patch of nothing", 6, "{'note:2':['patch',{'n':['put',2]}]}", ERR_MALFORMED},
        {"a patch without effect", 6, "{'note:1':['patch',{'n':['put',1]}]}", ERR_MALFORMED},
        {"a patch that is none", 6, "{'note:1':['patch',{'n':null}]}", ERR_MALFORMED},
        {"a put without type", 6, "{'note:2':['put',{'id':'note:2'}]}", ERR_MALFORMED},
        {"a put under another id", 6, "{'note:2':['put',{'id':'x','typeName':'note'}]}",
         ERR_MALFORMED},
        {"a put of nothing", 6, "{'note:2':['put']}", ERR_MALFORMED},
        {"an unknown op", 6, "{'note:1':['frob']}", ERR_MALFORMED},
        {"an op that is none", 6, "{'note:1':7}", ERR_MALFORMED},
        {"one that fails at its end", 6,
         "{'note:1':['remove'],'note:2':['put',{'id':'note:2','typeName':'note'}],'x':['frob']}",
         ERR_MALFORMED},
    };
    return cr_make_param_array(struct replay_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct replay_case *c, replay, entry)
{
    struct fixture f;
    fixture_init_from(&f, START);
    cr_assert(eq(int, replay(f.room, c->clock, c->diff, NULL), c->err), "%s", c->name);
    if (c->err) {
        assert_snapshot(f.room, START);
    }
    assert_told(&f, "");
    fixture_finish(&f);
}

Test(replay, an_entry_that_sets_the_schema_need_not_step_the_clock)
{
    struct fixture f;
    fixture_init(&f);
    cr_assert(eq(int, replay(f.room, 2, "{}", NOTES), ERR_GAP));
    cr_assert(eq(int, replay(f.room, 0, "{}", "{'schemaVersion':3}"), ERR_MALFORMED));
    cr_assert(eq(int, replay(f.room, 0, "{'a':['put',{'id':'a','typeName':'t'}]}", NOTES), ERR_OK));
    assert_snapshot(f.room, "{'documentClock':0,'tombstoneHistoryStartsAtClock':0,'documents':["
                            "{'state':{'id':'a','typeName':'t'},'lastChangedClock':0}],"
                            "'tombstones':{},'schema':" NOTES "}");
    fixture_finish(&f);
}
