/* Frames for a room that cannot take them yet, because it loads or is being given up. */
#include "shard/internal.h"

#include <assert.h>

struct waiting {
    struct shard_link *link; /* NULL: the link is gone */
    size_t len;
};

bool deferred_add(struct shard_room *room, struct shard_link *link, const struct link_frame *frame)
{
    size_t more = frame->payload.len + frame->ops.len;
    if (buf_len(&room->deferred) + more > SHARD_DEFERRED_MAX) {
        return false;
    }
    struct waiting waiting = {.link = link};
    size_t start = buf_len(&room->deferred);
    buf_append(&room->deferred, &waiting, sizeof(waiting));
    link_write(&room->deferred, frame);
    waiting.len = buf_len(&room->deferred) - start - sizeof(waiting);
    memcpy(buf_head(&room->deferred) + start, &waiting, sizeof(waiting));
    return true;
}

void deferred_forget_link(struct shard_room *room, const struct shard_link *link)
{
    struct waiting waiting;
    for (size_t at = 0; at < buf_len(&room->deferred); at += sizeof(waiting) + waiting.len) {
        memcpy(&waiting, buf_head(&room->deferred) + at, sizeof(waiting));
        if (waiting.link == link) {
            struct waiting gone = {.len = waiting.len};
            memcpy(buf_head(&room->deferred) + at, &gone, sizeof(gone));
        }
    }
}

/* The room may defer again while this runs, so its buf is taken first. */
void deferred_replay(struct shard_room *room, uint64_t now_ms)
{
    struct buf frames = room->deferred;
    room->deferred = (struct buf){0};
    struct link_reader reader;
    link_reader_init(&reader);
    while (buf_len(&frames) > 0) {
        struct waiting waiting;
        memcpy(&waiting, buf_head(&frames), sizeof(waiting));
        buf_consume(&frames, sizeof(waiting));
        struct link_frame frame;
        size_t size;
        enum err err = link_read(&reader, buf_head(&frames), waiting.len, &frame, &size);
        assert(err == ERR_OK && size == waiting.len);
        struct shard_conn *conn = waiting.link ? conn_find(waiting.link, frame.conn) : NULL;
        if (conn) { /* else it has gone meanwhile */
            conn_frame(conn, &frame, now_ms);
        }
        buf_consume(&frames, waiting.len);
    }
    link_reader_finish(&reader);
    buf_finish(&frames);
}
