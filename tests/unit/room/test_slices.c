/* Long work is the same work however it is cut. */
#include "fixture.h"

#include "room/intake.h"

static const size_t cuts[] = {1, 300, 700, 5000, SIZE_MAX};
enum { CUTS = sizeof(cuts) / sizeof(cuts[0]) };

/* Three hundred documents and tombstones whose clocks come in no order, some ids twice. */
static void write_unordered(struct buf *out)
{
    enum { COUNT = 300 };
    pack_map(out, 4);
    pack_str(out, STR("tombstones"));
    pack_map(out, COUNT);
    for (uint64_t i = 0; i < COUNT; i++) {
        struct buf id = {0};
        buf_printf(&id, "gone:%d", (int)i);
        pack_str(out, buf_str(&id));
        pack_u64(out, i * 37 % 101);
        buf_finish(&id);
    }
    pack_str(out, STR("tombstoneHistoryStartsAtClock"));
    pack_u64(out, 3);
    pack_str(out, STR("store"));
    pack_map(out, 0);
    pack_str(out, STR("documents"));
    pack_array(out, COUNT);
    for (uint64_t i = 0; i < COUNT; i++) {
        struct buf id = {0};
        buf_printf(&id, i % 50 == 0 ? "gone:%d" : "note:%d", (int)(i % 270));
        pack_map(out, 2);
        pack_str(out, STR("state"));
        pack_map(out, 3);
        pack_str(out, STR("id"));
        pack_str(out, buf_str(&id));
        pack_str(out, STR("typeName"));
        pack_str(out, STR("note"));
        pack_str(out, STR("n"));
        pack_u64(out, i);
        pack_str(out, STR("lastChangedClock"));
        pack_u64(out, i * 53 % 97);
        buf_finish(&id);
    }
}

static void assert_in_order(const struct documents *documents)
{
    uint64_t last = 0;
    uint32_t count = 0;
    struct record *record;
    list_each(record, &documents->by_clock, link, struct record)
    {
        cr_assert(record->clock >= last);
        last = record->clock;
        count++;
    }
    cr_assert(eq(u32, count, documents->records.count));
    struct tombstone *tombstone;
    last = count = 0;
    list_each(tombstone, &documents->buried, link, struct tombstone)
    {
        cr_assert(tombstone->clock >= last);
        last = tombstone->clock;
        count++;
    }
    cr_assert(eq(u32, count, documents->tombstones.count));
}

static void read_in(struct documents *documents, struct value snapshot, size_t cut)
{
    struct intake *intake = intake_create(documents, snapshot);
    enum err err;
    do {
        struct slice slice = {cut};
        err = intake_step(intake, &slice);
    } while (err == ERR_AGAIN);
    cr_assert(eq(int, err, ERR_OK));
    intake_destroy(intake);
}

Test(slices, a_snapshot_is_read_the_same)
{
    struct buf snapshot = {0};
    struct buf whole = {0};
    write_unordered(&snapshot);
    for (size_t i = 0; i < CUTS; i++) {
        struct documents documents;
        struct buf written = {0};
        documents_init(&documents);
        read_in(&documents, buf_value(&snapshot), cuts[i]);
        assert_in_order(&documents);
        documents_write(&documents, &written);
        if (i == 0) {
            buf_append_str(&whole, buf_str(&written));
        }
        cr_assert(str_eq(buf_str(&written), buf_str(&whole)), "by %zu", cuts[i]);
        buf_finish(&written);
        documents_finish(&documents);
    }
    buf_finish(&snapshot);
    buf_finish(&whole);
}

Test(slices, reading_may_be_given_up_anywhere)
{
    struct buf snapshot = {0};
    write_unordered(&snapshot);
    enum err err = ERR_AGAIN;
    for (int steps = 0; err == ERR_AGAIN; steps += 7) {
        struct documents documents;
        documents_init(&documents);
        struct intake *intake = intake_create(&documents, buf_value(&snapshot));
        err = ERR_AGAIN;
        for (int i = 0; err == ERR_AGAIN && i < steps; i++) {
            struct slice slice = {900};
            err = intake_step(intake, &slice);
        }
        intake_destroy(intake);
        documents_finish(&documents); /* finds all of it, or the sanitizer does */
    }
    cr_assert(eq(int, err, ERR_OK));
    buf_finish(&snapshot);
}

/* All sizes of clocks, so that what was weighed before is what comes. */
Test(slices, the_whole_room_is_written_as_it_is)
{
    static const uint64_t clocks[] = {0, 127, 128, 255, 256, 65535, 65536, 1ull << 32, 1ull << 40};
    enum { COUNT = sizeof(clocks) / sizeof(clocks[0]) };
    struct fixture f;
    struct fixture copy;
    struct buf given = {0};
    struct buf before = {0};
    struct buf after = {0};
    fixture_init(&f);
    fixture_init(&copy);
    pack_map(&given, 3);
    pack_str(&given, STR("documents"));
    pack_array(&given, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        struct buf id = {0};
        buf_printf(&id, "note:%zu", i);
        pack_map(&given, 2);
        pack_str(&given, STR("state"));
        pack_map(&given, 2);
        pack_str(&given, STR("id"));
        pack_str(&given, buf_str(&id));
        pack_str(&given, STR("typeName"));
        pack_str(&given, STR("note"));
        pack_str(&given, STR("lastChangedClock"));
        pack_u64(&given, clocks[i]);
        buf_finish(&id);
    }
    pack_str(&given, STR("tombstoneHistoryStartsAtClock"));
    pack_u64(&given, 1);
    pack_str(&given, STR("tombstones"));
    pack_map(&given, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        struct buf id = {0};
        buf_printf(&id, "%0*d", (int)(i * 12 + 1), 7);
        pack_str(&given, buf_str(&id));
        pack_u64(&given, clocks[i] + 2);
        buf_finish(&id);
    }
    cr_assert(eq(int, room_read_snapshot(f.room, buf_value(&given)), ERR_OK));
    room_write_snapshot(f.room, &before);
    size_t bytes;
    struct buf whole = {0};
    struct room_reader *reader = room_reader_create_whole(f.room, &bytes);
    while (room_reader_read(reader, 1, &whole)) {
    }
    cr_assert(eq(sz, bytes, buf_len(&whole)));
    cr_assert(eq(int, room_read_snapshot(copy.room, buf_value(&whole)), ERR_OK));
    room_write_snapshot(copy.room, &after);
    cr_assert(str_eq(buf_str(&before), buf_str(&after)));
    room_reader_destroy(reader);
    buf_finish(&whole);
    buf_finish(&given);
    buf_finish(&before);
    buf_finish(&after);
    fixture_finish(&f);
    fixture_finish(&copy);
}

/* ---- a host's load ---- */

static const char *const given[] = {
    "{'schema':" NOTES ",'store':{'a':{'id':'a','typeName':'note','n':1},"
    "'b':{'id':'b','typeName':'note','n':2},'c':{'id':'c','typeName':'note','n':3}}}",
    "{'store':{'b':{'id':'b','typeName':'note','n':2},'d':{'id':'d','typeName':'note','n':4},"
    "'a':{'id':'a','typeName':'note','n':9}},'schema':" NOTES "}",
    "{'store':{'x':{'id':1}},'schema':" NOTES "}",
    "{'documents':[]}",
    "{'documents':[],'schema':{'schemaVersion':3}}",
    "{'documents':[],'schema':" NOTES "}",
};
enum { GIVEN = sizeof(given) / sizeof(given[0]) };

static unsigned load_in(struct fixture *f, const char *json, size_t cut)
{
    struct buf bytes = {0};
    struct str why;
    unsigned steps = 1;
    struct room_loading *loading = room_load_begin(f->room, parse(json, &bytes));
    struct slice slice = {cut};
    for (; !room_load_step(loading, &slice, f->now_ms); steps++) {
        slice = (struct slice){cut};
    }
    enum room_edited edited = room_load_edited(loading, &why);
    buf_printf(&f->lines, "%d %.*s\n", (int)edited, STR_ARG(why));
    room_load_end(loading);
    buf_finish(&bytes);
    return steps;
}

Test(slices, a_load_is_told_the_same)
{
    struct buf whole = {0};
    for (size_t i = 0; i < CUTS; i++) {
        struct fixture f;
        unsigned steps = 0;
        fixture_init(&f);
        connect_session(&f, "A");
        for (size_t j = 0; j < GIVEN; j++) {
            steps += load_in(&f, given[j], cuts[i]);
        }
        if (i == 0) {
            buf_append_str(&whole, buf_str(&f.lines));
        }
        cr_assert(str_eq(buf_str(&f.lines), buf_str(&whole)), "by %zu", cuts[i]);
        cr_assert(cuts[i] == SIZE_MAX ? steps == GIVEN : steps > GIVEN);
        forget_told(&f);
        fixture_finish(&f);
    }
    buf_finish(&whole);
}

/* What a room may not be left in, and what is taken from it when its owner loses it half-way. */
Test(slices, a_load_may_be_given_up_with_its_room)
{
    bool over = false;
    for (int steps = 0; !over; steps++) {
        struct fixture f;
        struct buf bytes = {0};
        fixture_init_from(&f, "{'documents':[{'state':{'id':'z','typeName':'note'},"
                              "'lastChangedClock':1}],'schema':" NOTES "}");
        struct room_loading *loading = room_load_begin(f.room, parse(given[0], &bytes));
        for (int i = 0; !over && i < steps; i++) {
            struct slice slice = {300};
            over = room_load_step(loading, &slice, f.now_ms);
        }
        room_load_end(loading);
        room_destroy(f.room);
        f.room = NULL;
        buf_finish(&bytes);
        forget_told(&f);
        fixture_finish(&f);
    }
}

Test(slices, a_large_change_that_nobody_hears_is_not_written)
{
    struct fixture f;
    fixture_init(&f);
    f.config.diff_max = 20;
    load_in(&f, given[0], 300);
    cr_assert(was_told(&f, "append 1"));
    cr_assert(not(was_told(&f, "'put'")));
    forget_told(&f);
    struct room_session *session = connect_session(&f, "A");
    load_in(&f, given[1], 300);
    cr_assert(was_told(&f, "all {'type':'patch','diff':{"));
    room_session_close(f.room, session, (struct str){0});
    forget_told(&f);
    fixture_finish(&f);
}
