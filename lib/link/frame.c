/* Link frames: msgpack arrays by a table of fields. */
#include "link/frame.h"

#include "base/alloc.h"
#include "link/bounded.h"
#include "value/check.h"

#include <assert.h>
#include <stddef.h>

/* KIND_LATER: a number again, which a peer of an older version does not write; 0 then. */
enum kind { KIND_END, KIND_U64, KIND_STR, KIND_VALUE, KIND_BYTES, KIND_LATER };

struct field {
    enum kind kind;
    size_t at;
};

#define U64(name)                                                                                  \
    {                                                                                              \
        KIND_U64, offsetof(struct link_frame, name)                                                \
    }
#define LATER(name)                                                                                \
    {                                                                                              \
        KIND_LATER, offsetof(struct link_frame, name)                                              \
    }
#define STRING(name)                                                                               \
    {                                                                                              \
        KIND_STR, offsetof(struct link_frame, name)                                                \
    }
#define BYTES(name)                                                                                \
    {                                                                                              \
        KIND_BYTES, offsetof(struct link_frame, name)                                              \
    }
#define VALUE(name)                                                                                \
    {                                                                                              \
        KIND_VALUE, offsetof(struct link_frame, name)                                              \
    }

enum { MAX_FIELDS = 11 };

static const struct shape {
    enum link_type type;
    const char *name;
    struct field fields[MAX_FIELDS];
} shapes[] = {
    {LINK_HELLO, "hello", {U64(version_min), U64(version_max), STRING(id), STRING(node)}},
    {LINK_OPEN, "open", {U64(conn), STRING(room), STRING(session), U64(flags)}},
    {LINK_MESSAGE, "message", {U64(conn), U64(seq), VALUE(payload)}},
    {LINK_BROKEN, "broken", {U64(conn), U64(seq), U64(flags)}},
    {LINK_GONE, "gone", {U64(conn)}},
    {LINK_RESUME,
     "resume",
     {U64(conn), STRING(room), STRING(session), U64(flags), U64(clock), U64(presence_clock),
      U64(presence_at), U64(answered), U64(seq), VALUE(payload), VALUE(ops)}},
    {LINK_ROSTER, "roster", {STRING(room), VALUE(payload)}},
    {LINK_REQUEST,
     "request",
     {U64(request), U64(verb), STRING(room), STRING(target), U64(flags), VALUE(payload)}},
    {LINK_PART, "part", {U64(request), U64(flags), BYTES(bytes)}},
    {LINK_MORE, "more", {U64(request)}},
    {LINK_SEND,
     "send",
     {U64(conn), U64(answered), U64(clock), U64(how), U64(channel), VALUE(payload),
      U64(presence_clock), U64(presence_at), LATER(share)}},
    {LINK_CAST,
     "cast",
     {U64(channel), U64(conn), U64(clock), VALUE(payload), U64(presence_clock), STRING(presence),
      U64(flags), LATER(share)}},
    {LINK_CLOSE, "close", {U64(conn), U64(code), STRING(reason)}},
    {LINK_DETACH, "detach", {U64(conn)}},
    {LINK_REFUSE, "refuse", {U64(conn), U64(code), STRING(reason)}},
    {LINK_ACK, "ack", {U64(conn), U64(answered)}},
    {LINK_STATE, "state", {U64(conn), U64(answered), VALUE(payload)}},
    {LINK_RESUMED,
     "resumed",
     {U64(conn), U64(answered), U64(clock), U64(presence_clock), U64(channel), U64(presence_at)}},
    {LINK_MOVED, "moved", {STRING(room), STRING(id), STRING(address)}},
    {LINK_REPLY,
     "reply",
     {U64(request), U64(code), U64(piece), U64(flags), VALUE(payload), STRING(reason)}},
    {LINK_FLAGS, "flags", {U64(conn), U64(flags)}},
    {LINK_SHARE, "share", {U64(share), U64(members), U64(base), VALUE(payload)}},
    {LINK_MEMBERS, "members", {U64(share), VALUE(payload)}},
    {LINK_FORGET, "forget", {U64(share)}},
};

static const struct shape *shape_of(uint64_t type)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if ((uint64_t)shapes[i].type == type) {
            return &shapes[i];
        }
    }
    return NULL;
}

const char *link_type_name(enum link_type type)
{
    const struct shape *shape = shape_of((uint64_t)type);
    return shape ? shape->name : "unknown";
}

static size_t field_count(const struct shape *shape)
{
    size_t count = 0;
    while (count < MAX_FIELDS && shape->fields[count].kind != KIND_END) {
        count++;
    }
    return count;
}

static int append(void *data, const char *bytes, size_t len)
{
    buf_append(data, bytes, len);
    return 0;
}

static void pack_field(msgpack_packer *packer, const struct link_frame *frame,
                       const struct field *field)
{
    const void *at = (const char *)frame + field->at;
    switch (field->kind) {
    case KIND_U64:
    case KIND_LATER:
        msgpack_pack_uint64(packer, *(const uint64_t *)at);
        break;
    case KIND_STR: {
        const struct str *text = at;
        msgpack_pack_str_with_body(packer, text->ptr ? text->ptr : "", text->len);
        break;
    }
    case KIND_VALUE: {
        /* As bin, so that a value's nesting is nobody's concern but its reader's. */
        const struct value *value = at;
        msgpack_pack_bin_with_body(packer, value->data, value->len);
        break;
    }
    case KIND_BYTES: {
        const struct str *bytes = at;
        msgpack_pack_bin_with_body(packer, bytes->ptr, bytes->len);
        break;
    }
    case KIND_END:
        break;
    }
}

void link_write(struct buf *out, const struct link_frame *frame)
{
    const struct shape *shape = shape_of((uint64_t)frame->type);
    assert(shape);
    size_t start = buf_len(out);
    buf_reserve(out, 64 + frame->payload.len + frame->bytes.len);
    buf_append(out, "\0\0\0\0", 4);
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, append);
    size_t count = field_count(shape);
    msgpack_pack_array(&packer, count + 1);
    msgpack_pack_uint64(&packer, (uint64_t)frame->type);
    for (size_t i = 0; i < count; i++) {
        pack_field(&packer, frame, &shape->fields[i]);
    }
    size_t size = buf_len(out) - start - 4;
    assert(size <= LINK_FRAME_MAX);
    uint32_t length = __builtin_bswap32((uint32_t)size);
    memcpy(buf_head(out) + start, &length, 4);
}

void link_reader_init(struct link_reader *reader)
{
    reader->zone = msgpack_zone_new(4096);
    assert(reader->zone);
}

void link_reader_finish(struct link_reader *reader)
{
    if (reader->zone) {
        msgpack_zone_free(reader->zone);
        reader->zone = NULL;
    }
}

static enum err read_field(const msgpack_object *object, struct link_frame *frame,
                           const struct field *field)
{
    void *at = (char *)frame + field->at;
    switch (field->kind) {
    case KIND_U64:
    case KIND_LATER:
        if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER) {
            return ERR_MALFORMED;
        }
        *(uint64_t *)at = object->via.u64;
        return ERR_OK;
    case KIND_STR:
        if (object->type != MSGPACK_OBJECT_STR) {
            return ERR_MALFORMED;
        }
        *(struct str *)at = (struct str){object->via.str.ptr, object->via.str.size};
        return ERR_OK;
    case KIND_VALUE:
        if (object->type != MSGPACK_OBJECT_BIN) {
            return ERR_MALFORMED;
        }
        return value_check_form(object->via.bin.ptr, object->via.bin.size, at);
    case KIND_BYTES:
        if (object->type != MSGPACK_OBJECT_BIN) {
            return ERR_MALFORMED;
        }
        *(struct str *)at = (struct str){object->via.bin.ptr, object->via.bin.size};
        return ERR_OK;
    case KIND_END:
        break;
    }
    return ERR_OK;
}

static enum err read_body(const msgpack_object *object, struct link_frame *frame)
{
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size == 0 ||
        object->via.array.ptr[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER) {
        return ERR_MALFORMED;
    }
    const struct shape *shape = shape_of(object->via.array.ptr[0].via.u64);
    if (!shape) {
        return ERR_MALFORMED;
    }
    size_t given = object->via.array.size - 1;
    *frame = (struct link_frame){.type = shape->type};
    for (size_t i = 0; i < field_count(shape); i++) {
        if (i >= given && shape->fields[i].kind == KIND_LATER) {
            break;
        }
        if (i >= given) {
            return ERR_MALFORMED;
        }
        enum err err = read_field(&object->via.array.ptr[i + 1], frame, &shape->fields[i]);
        if (err) {
            return err;
        }
    }
    return ERR_OK;
}

enum err link_read(struct link_reader *reader, const uint8_t *data, size_t len,
                   struct link_frame *frame, size_t *size)
{
    if (len < 4) {
        return ERR_AGAIN;
    }
    uint32_t length;
    memcpy(&length, data, 4);
    length = __builtin_bswap32(length);
    if (length > LINK_FRAME_MAX) {
        return ERR_TOO_LARGE;
    }
    if (len - 4 < length) {
        return ERR_AGAIN;
    }
    if (!link_bounded(data + 4, length)) {
        return ERR_MALFORMED;
    }
    msgpack_zone_clear(reader->zone);
    msgpack_object object;
    size_t offset = 0;
    msgpack_unpack_return result =
        msgpack_unpack((const char *)data + 4, length, &offset, reader->zone, &object);
    if (result != MSGPACK_UNPACK_SUCCESS || offset != length) {
        return ERR_MALFORMED;
    }
    *size = (size_t)length + 4;
    return read_body(&object, frame);
}
