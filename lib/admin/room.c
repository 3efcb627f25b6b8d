/* Rooms as JSON. */
#include "admin/room.h"

#include "admin/fields.h"

const char *room_state_name(enum admin_room_state state)
{
    switch (state) {
    case ADMIN_ROOM_CLOSED:
        return "closed";
    case ADMIN_ROOM_OPEN:
        return "open";
    case ADMIN_ROOM_IDLE:
        return "idle";
    case ADMIN_ROOM_ORPHANED:
        return "orphaned";
    case ADMIN_ROOM_QUARANTINED:
        return "quarantined";
    }
    return "?";
}

bool room_state_find(struct str name, enum admin_room_state *state)
{
    for (int i = ADMIN_ROOM_CLOSED; i <= ADMIN_ROOM_QUARANTINED; i++) {
        if (str_eq(name, str_of(room_state_name((enum admin_room_state)i)))) {
            *state = (enum admin_room_state)i;
            return true;
        }
    }
    return false;
}

static void str_or_null(struct buf *out, const char *name, struct str value)
{
    fields_str(out, name, value.len > 0 ? value : (struct str){0});
}

static void render_crashes(const struct admin_room *room, struct buf *out)
{
    if (room->crashed.len > 0 || room->crashes > 0 || room->quarantined_until > 0) {
        fields_u64(out, "crashes", room->crashes);
        str_or_null(out, "crashed", room->crashed);
        str_or_null(out, "crash_reason", room->crash_reason);
    }
    if (room->state == ADMIN_ROOM_QUARANTINED) {
        fields_time(out, "quarantined_until", room->quarantined_until * 1000);
    }
}

void room_render(const struct admin_room *room, struct buf *out)
{
    fields_open(out, '{');
    fields_str(out, "id", room->name);
    fields_text(out, "state", room_state_name(room->state));
    str_or_null(out, "owner", room->owner);
    fields_text(out, "worker", room->slot);
    str_or_null(out, "node", room->owner.len > 0 ? room->node : room->owner);
    fields_u64(out, "epoch", room->epoch);
    fields_u64(out, "clock", room->clock);
    fields_u64(out, "records", room->records);
    fields_u64(out, "bytes", room->bytes);
    fields_u64(out, "sessions", room->sessions);
    fields_u64(out, "load", room->load);
    str_or_null(out, "created", room->created);
    str_or_null(out, "claimed", room->claimed);
    str_or_null(out, "updated", room->updated);
    render_crashes(room, out);
    fields_close(out, '}');
}
