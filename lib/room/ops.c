/* Writing network diffs. */
#include "room/ops.h"

#include "value/pack.h"

void ops_put(struct buf *ops, struct str id, struct value record)
{
    pack_str(ops, id);
    pack_array(ops, 2);
    pack_str(ops, STR("put"));
    pack_value(ops, record);
}

void ops_patch(struct buf *ops, struct str id, struct value object_diff)
{
    pack_str(ops, id);
    pack_array(ops, 2);
    pack_str(ops, STR("patch"));
    pack_value(ops, object_diff);
}

void ops_remove(struct buf *ops, struct str id)
{
    pack_str(ops, id);
    pack_array(ops, 1);
    pack_str(ops, STR("remove"));
}

void ops_diff(struct buf *out, uint32_t count, const struct buf *ops)
{
    pack_map(out, count);
    buf_append_str(out, buf_str(ops));
}

void event_patch(struct buf *out, uint32_t count, const struct buf *ops, uint64_t server_clock)
{
    pack_map(out, 3);
    pack_str(out, STR("type"));
    pack_str(out, STR("patch"));
    pack_str(out, STR("diff"));
    ops_diff(out, count, ops);
    pack_str(out, STR("serverClock"));
    pack_u64(out, server_clock);
}
