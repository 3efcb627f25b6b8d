/* Pieces of a snapshot, joined. */
#include "admin/snapshot_text.h"

#include "value/json.h"

static void separate(struct snapshot_text *text, struct buf *out)
{
    if (text->followed) {
        buf_append_byte(out, ',');
    }
    text->followed = true;
}

/* The members that come in one piece, and the beginning of the documents. */
static void head(struct snapshot_text *text, struct value value, struct buf *out)
{
    struct value_walk walk = value_members(value);
    struct str key;
    struct value member;
    buf_append_byte(out, '{');
    while (value_next_member(&walk, &key, &member)) {
        json_write_string(key, out);
        buf_append_byte(out, ':');
        json_write(member, out);
        buf_append_byte(out, ',');
    }
    buf_append_str(out, STR("\"documents\":["));
    text->place = SNAPSHOT_TEXT_DOCUMENTS;
}

static void begin_tombstones(struct snapshot_text *text, struct buf *out)
{
    if (text->place == SNAPSHOT_TEXT_DOCUMENTS) {
        buf_append_str(out, STR("],\"tombstones\":{"));
        text->place = SNAPSHOT_TEXT_TOMBSTONES;
        text->followed = false;
    }
}

static void tombstones(struct snapshot_text *text, struct value value, struct buf *out)
{
    struct value_walk walk = value_members(value);
    struct str id;
    struct value clock;
    begin_tombstones(text, out);
    while (value_next_member(&walk, &id, &clock)) {
        separate(text, out);
        json_write_string(id, out);
        buf_append_byte(out, ':');
        json_write(clock, out);
    }
}

void snapshot_text_piece(struct snapshot_text *text, enum link_piece piece, struct value value,
                         struct buf *out)
{
    struct value_walk walk = value_items(value);
    struct value entry;
    if (text->place == SNAPSHOT_TEXT_START) {
        head(text, piece == LINK_PIECE_HEAD ? value : VALUE_NONE, out);
    }
    switch (piece) {
    case LINK_PIECE_HEAD:
        break;
    case LINK_PIECE_DOCUMENTS:
        while (value_next_item(&walk, &entry)) {
            separate(text, out);
            json_write(entry, out);
        }
        break;
    case LINK_PIECE_TOMBSTONES:
        tombstones(text, value, out);
        break;
    case LINK_PIECE_END:
        begin_tombstones(text, out);
        buf_append_str(out, STR("}}\n"));
        break;
    }
}
