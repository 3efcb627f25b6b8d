/* Changes that no session pushed: one transaction, told in full puts and removes (BCAST-5). */
#include "room/transaction.h"

#include "room/internal.h"
#include "value/pack.h"

#include <assert.h>

static size_t bytes_of(const struct edit *edit)
{
    return edit->id.len + (edit->after ? edit->after->len : 0);
}

void transaction_begin(struct transaction *transaction, struct room *room, const struct edit *edits,
                       uint32_t count, struct value schema)
{
    *transaction =
        (struct transaction){.room = room, .edits = edits, .count = count, .schema = schema};
}

static bool is_heard(const struct room *room)
{
    struct room_session *session;
    list_each(session, &room->sessions, link, struct room_session)
    {
        if (session->state == ROOM_CONNECTED && !session->edition) {
            return true;
        }
    }
    return false;
}

/* Room for the event that tells of it, with the diff inside: written once, for a load may be as
 * large as a room. Not at all where neither the log nor anybody else wants it. */
static void begin_event(struct transaction *transaction)
{
    enum { OP_OVERHEAD = 16, EVENT_OVERHEAD = 64 };
    struct buf *event = &transaction->event;
    size_t diff_max = transaction->room->config->diff_max;
    transaction->unwritten =
        diff_max > 0 && transaction->bytes > diff_max && !is_heard(transaction->room);
    if (!transaction->unwritten) {
        buf_reserve(event, sizeof(struct blob) + transaction->bytes +
                               transaction->count * (size_t)OP_OVERHEAD + EVENT_OVERHEAD);
        blob_begin(event);
        pack_map(event, 3);
        pack_str(event, STR("type"));
        pack_str(event, STR("patch"));
        pack_str(event, STR("diff"));
        transaction->diff_at = buf_len(event);
        pack_map(event, transaction->count);
    }
}

static void write_one(struct transaction *transaction, const struct edit *edit)
{
    if (transaction->unwritten) {
        return;
    }
    if (edit->after) {
        ops_put(&transaction->event, edit->id, record_value(edit->after));
    } else {
        ops_remove(&transaction->event, edit->id);
    }
}

static uint64_t clock_after(const struct transaction *transaction)
{
    return transaction->room->documents.clock + (transaction->count > 0);
}

static void end_event(struct transaction *transaction)
{
    if (!transaction->unwritten) {
        transaction->diff_len = buf_len(&transaction->event) - transaction->diff_at;
        pack_str(&transaction->event, STR("serverClock"));
        pack_u64(&transaction->event, clock_after(transaction));
    }
}

bool transaction_step(struct transaction *transaction, struct slice *slice)
{
    while (slice_left(slice)) {
        if (transaction->at < transaction->count) {
            const struct edit *edit = &transaction->edits[transaction->at++];
            switch (transaction->state) {
            case TRANSACTION_WEIGH:
                transaction->bytes += bytes_of(edit);
                transaction->removes |= !edit->after;
                slice_spend(slice, 0);
                break;
            case TRANSACTION_WRITE:
                write_one(transaction, edit);
                slice_spend(slice, bytes_of(edit));
                break;
            case TRANSACTION_STORE:
                commit_edit(transaction->room, edit, clock_after(transaction));
                slice_spend(slice, 0);
                break;
            case TRANSACTION_STORED:
                break;
            }
            continue;
        }
        transaction->at = 0;
        switch (transaction->state) {
        case TRANSACTION_WEIGH:
            begin_event(transaction);
            transaction->state = TRANSACTION_WRITE;
            break;
        case TRANSACTION_WRITE:
            end_event(transaction);
            transaction->state = TRANSACTION_STORE;
            break;
        case TRANSACTION_STORE:
            transaction->state = TRANSACTION_STORED;
            break;
        case TRANSACTION_STORED:
            return true;
        }
    }
    return false;
}

void transaction_tell_log(struct transaction *transaction)
{
    struct room *room = transaction->room;
    struct room_entry entry = {.clock = clock_after(transaction), .schema = transaction->schema};
    if (!transaction->unwritten) {
        entry.diff = (struct value){buf_head(&transaction->event) + transaction->diff_at,
                                    transaction->diff_len};
    }
    room->documents.clock = entry.clock;
    room->host->append(room->ctx, &entry);
}

static void tell_sessions(struct transaction *transaction, uint64_t now_ms)
{
    struct news news = {.edits = transaction->edits,
                        .edit_count = transaction->count,
                        .whole = true,
                        .now_ms = now_ms};
    if (!transaction->unwritten) {
        news.holder = blob_take(&transaction->event);
        news.event = (struct value){news.holder->data, news.holder->len};
    }
    room_tell(transaction->room, &news);
    blob_unref(news.holder);
}

void transaction_end(struct transaction *transaction, uint64_t now_ms)
{
    struct room *room = transaction->room;
    transaction_tell_log(transaction);
    if (transaction->removes) {
        schedule_prune(room, now_ms); /* TOMB-2 */
    }
    if (transaction->count > 0) {
        tell_sessions(transaction, now_ms);
        room->host->event(room->ctx, ROOM_DOCUMENT_CHANGED, NULL);
    }
}

void transaction_finish(struct transaction *transaction)
{
    buf_finish(&transaction->event);
}

/* All of it but the telling. */
static void do_all(struct transaction *transaction, struct room *room, const struct edit *edits,
                   uint32_t count, struct value schema)
{
    struct slice all = SLICE_ALL;
    transaction_begin(transaction, room, edits, count, schema);
    bool over = transaction_step(transaction, &all);
    assert(over);
}

void room_transact(struct room *room, const struct edit *edits, uint32_t count, struct value schema,
                   uint64_t now_ms)
{
    if (count == 0 && !value_present(schema)) {
        return;
    }
    struct transaction transaction;
    do_all(&transaction, room, edits, count, schema);
    transaction_end(&transaction, now_ms);
    transaction_finish(&transaction);
}

void room_store(struct room *room, const struct edit *edits, uint32_t count, struct value schema)
{
    struct transaction transaction;
    do_all(&transaction, room, edits, count, schema);
    transaction_tell_log(&transaction);
    transaction_finish(&transaction);
}
