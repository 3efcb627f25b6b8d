/* Stored snapshots: envelope, checksum, compression. */
#include "cluster/stored_snapshot.h"

#include "base/alloc.h"
#include "link/bounded.h"
#include "value/check.h"

#include <assert.h>
#include <msgpack.h>
#include <stdlib.h>
#include <xxhash.h>
#include <zstd.h>

static const char MAGIC[] = "roomd-snapshot";

enum {
    FIELD_MAGIC,
    FIELD_VERSION,
    FIELD_CLOCK,
    FIELD_CODING,
    FIELD_SIZE,
    FIELD_CHECKSUM,
    FIELD_BODY,
    FIELD_RECENT, /* not in the first snapshots that were written */
    FIELDS
};

/* Below this compression saves less than it costs. */
enum { COMPRESS_FROM = 1024, COMPRESS_LEVEL = 1 };

static int append(void *data, const char *bytes, size_t len)
{
    buf_append(data, bytes, len);
    return 0;
}

/* Compresses into `out`; false if that does not pay. */
static bool compress(struct value body, struct buf *out)
{
    if (body.len < COMPRESS_FROM) {
        return false;
    }
    size_t bound = ZSTD_compressBound(body.len);
    size_t size =
        ZSTD_compress(buf_reserve(out, bound), bound, body.data, body.len, COMPRESS_LEVEL);
    if (ZSTD_isError(size) || size > body.len - body.len / 8) {
        return false;
    }
    buf_commit(out, size);
    return true;
}

static uint64_t checksum_with(uint64_t sum, struct value recent)
{
    return value_present(recent) ? XXH3_64bits_withSeed(recent.data, recent.len, sum) : sum;
}

static uint64_t checksum_of(struct value body, struct value recent)
{
    return checksum_with(XXH3_64bits(body.data, body.len), recent);
}

/* All that is before the body. */
struct head {
    uint64_t clock;
    bool zstd;
    size_t size;
    uint64_t checksum;
};

static void write_head(msgpack_packer *packer, const struct head *head)
{
    msgpack_pack_array(packer, FIELDS);
    msgpack_pack_str_with_body(packer, MAGIC, sizeof(MAGIC) - 1);
    msgpack_pack_uint64(packer, STORED_SNAPSHOT_VERSION);
    msgpack_pack_uint64(packer, head->clock);
    msgpack_pack_str_with_body(packer, head->zstd ? "zstd" : "none", 4);
    msgpack_pack_uint64(packer, head->size);
    msgpack_pack_uint64(packer, head->checksum);
}

void stored_snapshot_write(struct value body, struct value recent, uint64_t clock, struct buf *out)
{
    struct buf compressed = {0};
    bool zstd = compress(body, &compressed);
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, append);
    struct head head = {clock, zstd, body.len, checksum_of(body, recent)};
    write_head(&packer, &head);
    if (zstd) {
        msgpack_pack_bin_with_body(&packer, buf_head(&compressed), buf_len(&compressed));
    } else {
        msgpack_pack_bin_with_body(&packer, body.data, body.len);
    }
    msgpack_pack_bin_with_body(&packer, recent.data, recent.len);
    buf_finish(&compressed);
}

/* ---- bit by bit ---- */

/* Room in front of the body for what can be told only when all of it has been seen. */
enum { HEAD_MAX = 96 };

struct snapshot_packing {
    ZSTD_CCtx *zstd;   /* owned */
    XXH3_state_t *sum; /* owned */
    size_t size, left; /* of the body */
    struct buf out;    /* HEAD_MAX bytes, and what is compressed */
};

struct snapshot_packing *snapshot_packing_create(size_t body_bytes)
{
    static const uint8_t nothing[HEAD_MAX];
    struct snapshot_packing *packing = xcalloc(1, sizeof(*packing));
    packing->size = packing->left = body_bytes;
    packing->zstd = ZSTD_createCCtx();
    packing->sum = XXH3_createState();
    assert(packing->zstd && packing->sum); /* out of memory */
    ZSTD_CCtx_setParameter(packing->zstd, ZSTD_c_compressionLevel, COMPRESS_LEVEL);
    ZSTD_CCtx_setPledgedSrcSize(packing->zstd, body_bytes); /* the frame says so */
    XXH3_64bits_reset(packing->sum);
    buf_reserve(&packing->out, HEAD_MAX + ZSTD_compressBound(body_bytes)); /* is not used before */
    buf_append(&packing->out, nothing, sizeof(nothing));
    return packing;
}

static void compress_some(struct snapshot_packing *packing, struct str bytes, ZSTD_EndDirective end)
{
    ZSTD_inBuffer in = {bytes.ptr, bytes.len, 0};
    size_t more;
    do {
        size_t room = ZSTD_CStreamOutSize();
        ZSTD_outBuffer out = {buf_reserve(&packing->out, room), room, 0};
        more = ZSTD_compressStream2(packing->zstd, &out, &in, end);
        assert(!ZSTD_isError(more)); /* there is enough room, and the size is as pledged */
        buf_commit(&packing->out, out.pos);
    } while (in.pos < in.size || (end == ZSTD_e_end && more > 0));
}

void snapshot_packing_feed(struct snapshot_packing *packing, struct str bytes)
{
    assert(bytes.len <= packing->left);
    packing->left -= bytes.len;
    XXH3_64bits_update(packing->sum, bytes.ptr, bytes.len);
    compress_some(packing, bytes, ZSTD_e_continue);
}

void snapshot_packing_end(struct snapshot_packing *packing, struct value recent, uint64_t clock,
                          struct buf *out)
{
    assert(packing->left == 0);
    compress_some(packing, (struct str){0}, ZSTD_e_end);
    struct buf first = {0};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &first, append);
    struct head head = {clock, true, packing->size,
                        checksum_with(XXH3_64bits_digest(packing->sum), recent)};
    write_head(&packer, &head);
    msgpack_pack_bin(&packer, buf_len(&packing->out) - HEAD_MAX);
    assert(buf_len(&first) <= HEAD_MAX);
    buf_consume(&packing->out, HEAD_MAX - buf_len(&first));
    memcpy(buf_head(&packing->out), buf_head(&first), buf_len(&first));
    buf_finish(&first);
    msgpack_packer_init(&packer, &packing->out, append);
    msgpack_pack_bin_with_body(&packer, recent.data, recent.len);
    *out = packing->out;
    packing->out = (struct buf){0};
}

void snapshot_packing_destroy(struct snapshot_packing *packing)
{
    if (packing) {
        ZSTD_freeCCtx(packing->zstd);
        XXH3_freeState(packing->sum);
        buf_finish(&packing->out);
        free(packing);
    }
}

/* ---- reading ---- */

static bool is_str(const msgpack_object *object, const char *text)
{
    return object->type == MSGPACK_OBJECT_STR &&
           str_eq((struct str){object->via.str.ptr, object->via.str.size}, str_of(text));
}

static bool is_u64(const msgpack_object *object)
{
    return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER;
}

struct snapshot_unpacking {
    struct str stored;  /* borrowed */
    msgpack_zone *zone; /* owned; what the envelope is read into */
    struct str packed;  /* in `stored` */
    struct value recent;
    uint64_t size, checksum;
    enum { UNPACK_ENVELOPE, UNPACK_BODY, UNPACK_CHECK, UNPACK_OVER } state;
    enum err err;      /* OVER */
    ZSTD_DCtx *zstd;   /* owned; NULL: it is not compressed */
    ZSTD_inBuffer in;  /* of `packed` */
    XXH3_state_t *sum; /* owned */
    struct buf body;
    struct value_checking *checking; /* owned */
};

struct snapshot_unpacking *snapshot_unpacking_create(struct str stored)
{
    struct snapshot_unpacking *unpacking = xcalloc(1, sizeof(*unpacking));
    unpacking->stored = stored;
    return unpacking;
}

void snapshot_unpacking_destroy(struct snapshot_unpacking *unpacking)
{
    if (unpacking) {
        value_checking_destroy(unpacking->checking);
        ZSTD_freeDCtx(unpacking->zstd);
        XXH3_freeState(unpacking->sum);
        buf_finish(&unpacking->body);
        msgpack_zone_free(unpacking->zone);
        free(unpacking);
    }
}

struct value snapshot_unpacking_body(const struct snapshot_unpacking *unpacking)
{
    return (struct value){buf_head(&unpacking->body), buf_len(&unpacking->body)};
}

struct value snapshot_unpacking_recent(const struct snapshot_unpacking *unpacking)
{
    return unpacking->recent;
}

/* Absent in the oldest snapshots. */
static enum err read_recent(const msgpack_object *root, struct value *recent)
{
    *recent = VALUE_NONE;
    if (root->via.array.size == FIELD_RECENT) {
        return ERR_OK;
    }
    const msgpack_object *field = &root->via.array.ptr[FIELD_RECENT];
    return field->type == MSGPACK_OBJECT_BIN
               ? value_check(field->via.bin.ptr, field->via.bin.size, recent)
               : ERR_MALFORMED;
}

/* What is said of the body, before memory is taken for it. */
static enum err begin_body(struct snapshot_unpacking *unpacking, const msgpack_object *coding)
{
    struct str packed = unpacking->packed;
    if (unpacking->size > STORED_SNAPSHOT_MAX) {
        return ERR_TOO_LARGE;
    }
    if (is_str(coding, "none")) {
        return packed.len == unpacking->size ? ERR_OK : ERR_MALFORMED;
    }
    if (!is_str(coding, "zstd")) {
        return ERR_VERSION;
    }
    if (ZSTD_getFrameContentSize(packed.ptr, packed.len) != unpacking->size) {
        return ERR_CHECKSUM;
    }
    unpacking->zstd = ZSTD_createDCtx();
    assert(unpacking->zstd); /* out of memory */
    return ERR_OK;
}

static enum err read_fields(struct snapshot_unpacking *unpacking, const msgpack_object *root)
{
    if (root->type != MSGPACK_OBJECT_ARRAY || root->via.array.size < 2) {
        return ERR_MALFORMED;
    }
    const msgpack_object *fields = root->via.array.ptr;
    if (!is_str(&fields[FIELD_MAGIC], MAGIC) || !is_u64(&fields[FIELD_VERSION])) {
        return ERR_MALFORMED;
    }
    if (fields[FIELD_VERSION].via.u64 != STORED_SNAPSHOT_VERSION) {
        return ERR_VERSION;
    }
    if (root->via.array.size < FIELD_RECENT || root->via.array.size > FIELDS ||
        !is_u64(&fields[FIELD_CLOCK]) || !is_u64(&fields[FIELD_SIZE]) ||
        !is_u64(&fields[FIELD_CHECKSUM]) || fields[FIELD_BODY].type != MSGPACK_OBJECT_BIN) {
        return ERR_MALFORMED;
    }
    const msgpack_object_bin *body = &fields[FIELD_BODY].via.bin;
    unpacking->size = fields[FIELD_SIZE].via.u64;
    unpacking->checksum = fields[FIELD_CHECKSUM].via.u64;
    unpacking->packed = (struct str){body->ptr, body->size};
    enum err err = begin_body(unpacking, &fields[FIELD_CODING]);
    return err ? err : read_recent(root, &unpacking->recent);
}

static enum err read_envelope(struct snapshot_unpacking *unpacking)
{
    struct str stored = unpacking->stored;
    if (!link_bounded((const uint8_t *)stored.ptr, stored.len)) {
        return ERR_MALFORMED;
    }
    unpacking->zone = msgpack_zone_new(1024);
    if (!unpacking->zone) {
        return ERR_TOO_LARGE;
    }
    size_t offset = 0;
    msgpack_object root;
    msgpack_unpack_return result =
        msgpack_unpack(stored.ptr, stored.len, &offset, unpacking->zone, &root);
    if (result != MSGPACK_UNPACK_SUCCESS || offset != stored.len) {
        return ERR_MALFORMED;
    }
    enum err err = read_fields(unpacking, &root);
    if (!err) {
        unpacking->sum = XXH3_createState();
        assert(unpacking->sum); /* out of memory */
        XXH3_64bits_reset(unpacking->sum);
        unpacking->in = (ZSTD_inBuffer){unpacking->packed.ptr, unpacking->packed.len, 0};
        buf_reserve(&unpacking->body, unpacking->size + 1);
    }
    return err;
}

/* Some of the body, into the room that is reserved for all of it; false: it is not what was said.
 */
static bool unpack_some(struct snapshot_unpacking *unpacking, size_t most)
{
    size_t left = unpacking->size - buf_len(&unpacking->body);
    size_t len = left < most ? left : most;
    uint8_t *at = buf_reserve(&unpacking->body, len);
    if (unpacking->zstd) {
        ZSTD_outBuffer out = {at, len, 0};
        size_t before = unpacking->in.pos;
        size_t more = ZSTD_decompressStream(unpacking->zstd, &out, &unpacking->in);
        if (ZSTD_isError(more) || (out.pos == 0 && unpacking->in.pos == before)) {
            return false;
        }
        len = out.pos;
    } else {
        memcpy(at, unpacking->packed.ptr + buf_len(&unpacking->body), len);
    }
    XXH3_64bits_update(unpacking->sum, at, len);
    buf_commit(&unpacking->body, len);
    return true;
}

static enum err unpack_body(struct snapshot_unpacking *unpacking, struct slice *slice)
{
    enum { SOME = 128 << 10 };
    while (buf_len(&unpacking->body) < unpacking->size) {
        if (!slice_left(slice)) {
            return ERR_AGAIN;
        }
        size_t before = buf_len(&unpacking->body);
        if (!unpack_some(unpacking, slice->left < SOME ? slice->left : SOME)) {
            return ERR_CHECKSUM;
        }
        slice_spend(slice, buf_len(&unpacking->body) - before);
    }
    uint64_t sum = checksum_with(XXH3_64bits_digest(unpacking->sum), unpacking->recent);
    return sum == unpacking->checksum ? ERR_OK : ERR_CHECKSUM;
}

static void go_on(struct snapshot_unpacking *unpacking, struct slice *slice)
{
    enum err err = ERR_OK;
    switch (unpacking->state) {
    case UNPACK_ENVELOPE:
        err = read_envelope(unpacking);
        unpacking->state = UNPACK_BODY;
        break;
    case UNPACK_BODY:
        err = unpack_body(unpacking, slice);
        if (!err) {
            struct value body = snapshot_unpacking_body(unpacking);
            unpacking->checking = value_checking_create(body.data, body.len);
            unpacking->state = UNPACK_CHECK;
        }
        break;
    case UNPACK_CHECK:
        err = value_checking_step(unpacking->checking, slice);
        unpacking->state = err == ERR_AGAIN ? UNPACK_CHECK : UNPACK_OVER;
        break;
    case UNPACK_OVER:
        break;
    }
    if (err && err != ERR_AGAIN) {
        unpacking->err = err;
        unpacking->state = UNPACK_OVER;
    }
}

enum err snapshot_unpacking_step(struct snapshot_unpacking *unpacking, struct slice *slice)
{
    while (unpacking->state != UNPACK_OVER && slice_left(slice)) {
        go_on(unpacking, slice);
    }
    return unpacking->state == UNPACK_OVER ? unpacking->err : ERR_AGAIN;
}

enum err stored_snapshot_read(struct str stored, struct buf *out, struct buf *recent)
{
    struct slice all = SLICE_ALL;
    struct snapshot_unpacking *unpacking = snapshot_unpacking_create(stored);
    enum err err = snapshot_unpacking_step(unpacking, &all);
    if (!err) {
        buf_append(out, buf_head(&unpacking->body), buf_len(&unpacking->body));
        buf_append(recent, unpacking->recent.data, unpacking->recent.len);
    }
    snapshot_unpacking_destroy(unpacking);
    return err;
}
