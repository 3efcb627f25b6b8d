/* A snapshot in pieces: the room as it was when this began is packed in slices while the room goes
 * on, and then brought to the store piece by piece, each when the one before is there, so that
 * nothing piles up on the way. Only the last step, one command, puts it in its place; until then
 * nothing has happened. */
#include "base/alloc.h"
#include "cluster/stored_snapshot.h"
#include "room/host.h"
#include "shard/internal.h"
#include "value/pack.h"

#include <stdlib.h>

struct pieces {
    struct shard_snapshot snapshot;
    struct room_reader *reader;       /* owned; NULL: all is packed */
    struct snapshot_packing *packing; /* owned; likewise */
    struct buf recent;                /* of the same moment */
    struct buf stored;                /* what has not been answered yet, */
    size_t sent;                      /* and so much of it is on its way */
    bool waits;                       /* for the store */
};

bool pieces_are_due(const struct shard_room *room)
{
    enum { TOMBSTONE_BYTES = 64 };
    const struct documents *documents = room_documents(room->room);
    return room->shard->host->stage &&
           documents->bytes + documents->tombstones.count * (size_t)TOMBSTONE_BYTES >
               shard_slice(room->shard).left;
}

void pieces_begin(struct shard_room *room, const struct shard_snapshot *snapshot)
{
    struct pieces *pieces = xcalloc(1, sizeof(*pieces));
    size_t bytes;
    pieces->snapshot = *snapshot;
    pieces->snapshot.staging = ++room->shard->next_staging;
    pieces->reader = room_reader_create_whole(room->room, &bytes);
    pieces->packing = snapshot_packing_create(bytes);
    recent_write(room, &pieces->recent);
    room->snapshot_bytes = bytes;
    room->pieces = pieces;
    shard_room_worked(room);
}

void pieces_drop(struct shard_room *room)
{
    struct pieces *pieces = room->pieces;
    if (pieces) {
        room_reader_destroy(pieces->reader);
        snapshot_packing_destroy(pieces->packing);
        buf_finish(&pieces->recent);
        buf_finish(&pieces->stored);
        free(pieces);
        room->pieces = NULL;
    }
}

void pieces_fail(struct shard_room *room)
{
    if (room->pieces) {
        pieces_drop(room);
        persist_not_stored(room, ERR_UNAVAILABLE);
    }
}

bool pieces_have_work(const struct shard_room *room)
{
    return room->pieces && !room->pieces->waits;
}

static void send_next(struct shard_room *room)
{
    struct pieces *pieces = room->pieces;
    struct shard *shard = room->shard;
    struct shard_room_info info;
    struct shard_piece piece = {.staging = pieces->snapshot.staging,
                                .offset = pieces->snapshot.staged_bytes,
                                .bytes = buf_str(&pieces->stored)};
    size_t most = shard_slice(shard).left;
    most = most < SHARD_PIECE_MAX ? most : SHARD_PIECE_MAX;
    piece.bytes.len = piece.bytes.len < most ? piece.bytes.len : most;
    shard_room_info(room, &info);
    pieces->waits = true;
    pieces->sent = piece.bytes.len;
    pieces->snapshot.staged_bytes += piece.bytes.len;
    /* Where the store is just going away, the answer comes within the call, and the pieces go. */
    shard->host->stage(shard->ctx, room->number, &info, &piece);
}

/* False: all is packed. */
static bool pack_some(struct pieces *pieces, struct slice *slice)
{
    enum { READ_BYTES = 64 << 10 };
    struct buf bytes = {0};
    bool more = true;
    while (more && slice_left(slice)) {
        buf_clear(&bytes, SIZE_MAX);
        more = room_reader_read(pieces->reader, READ_BYTES < slice->left ? READ_BYTES : slice->left,
                                &bytes);
        snapshot_packing_feed(pieces->packing, buf_str(&bytes));
        slice_spend(slice, buf_len(&bytes));
    }
    buf_finish(&bytes);
    return more;
}

static void end_packing(struct pieces *pieces)
{
    snapshot_packing_end(pieces->packing, buf_value(&pieces->recent), pieces->snapshot.clock,
                         &pieces->stored);
    snapshot_packing_destroy(pieces->packing);
    room_reader_destroy(pieces->reader);
    buf_finish(&pieces->recent);
    pieces->packing = NULL;
    pieces->reader = NULL;
}

void pieces_work(struct shard_room *room, struct slice *slice)
{
    struct pieces *pieces = room->pieces;
    if (pieces->reader && !pack_some(pieces, slice)) {
        end_packing(pieces);
        send_next(room);
    }
}

void shard_staged(struct shard *shard, uint64_t number, uint64_t staging, enum err err,
                  uint64_t now_ms)
{
    shard->now_ms = now_ms;
    struct shard_room *room = shard_room_by_number(shard, number);
    if (!room || !room->pieces || room->pieces->snapshot.staging != staging) {
        return;
    }
    shard_turn_to(shard, str_of(room->name));
    if (err) {
        pieces_drop(room);
        persist_not_stored(room, err);
        return;
    }
    buf_consume(&room->pieces->stored, room->pieces->sent);
    if (buf_len(&room->pieces->stored) > 0) {
        send_next(room);
    } else {
        struct shard_snapshot snapshot = room->pieces->snapshot;
        pieces_drop(room);
        persist_staged(room, &snapshot);
    }
}
