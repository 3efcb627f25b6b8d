/* Snapshots as text, in pieces. */
#include "admin/snapshot_text.h"

#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static void piece(struct snapshot_text *text, enum link_piece which, const char *json,
                  struct buf *out)
{
    struct buf value = {0};
    size_t before = buf_len(out);
    cr_assert(zero(int, json_parse(str_of(json), &value)));
    snapshot_text_piece(text, which, buf_value(&value), out);
    cr_assert(gt(sz, buf_len(out), before), "a piece is never nothing");
    buf_finish(&value);
}

static void is(struct buf *out, const char *want)
{
    cr_assert(str_eq(buf_str(out), str_of(want)), "%.*s", STR_ARG(buf_str(out)));
    buf_finish(out);
}

Test(snapshot_text, is_one_object_however_many_pieces_there_are)
{
    struct snapshot_text text = {0};
    struct buf out = {0};
    piece(&text, LINK_PIECE_HEAD, "{\"documentClock\":3,\"schema\":{}}", &out);
    piece(&text, LINK_PIECE_DOCUMENTS, "[{\"state\":1},{\"state\":2}]", &out);
    piece(&text, LINK_PIECE_DOCUMENTS, "[{\"state\":3}]", &out);
    piece(&text, LINK_PIECE_TOMBSTONES, "{\"a\":1}", &out);
    piece(&text, LINK_PIECE_TOMBSTONES, "{\"b\":2,\"c\":3}", &out);
    piece(&text, LINK_PIECE_END, "null", &out);
    is(&out, "{\"documentClock\":3,\"schema\":{},\"documents\":[{\"state\":1},{\"state\":2},"
             "{\"state\":3}],\"tombstones\":{\"a\":1,\"b\":2,\"c\":3}}\n");
}

Test(snapshot_text, of_an_empty_room_has_all_members)
{
    struct snapshot_text text = {0};
    struct buf out = {0};
    piece(&text, LINK_PIECE_HEAD, "{\"documentClock\":0}", &out);
    piece(&text, LINK_PIECE_END, "null", &out);
    is(&out, "{\"documentClock\":0,\"documents\":[],\"tombstones\":{}}\n");
}
