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

static enum err unpack_body(const msgpack_object *fields, struct buf *out)
{
    uint64_t size = fields[FIELD_SIZE].via.u64;
    const msgpack_object_bin *body = &fields[FIELD_BODY].via.bin;
    if (size > STORED_SNAPSHOT_MAX) {
        return ERR_TOO_LARGE;
    }
    if (is_str(&fields[FIELD_CODING], "none")) {
        if (body->size != size) {
            return ERR_MALFORMED;
        }
        buf_append(out, body->ptr, body->size);
        return ERR_OK;
    }
    if (!is_str(&fields[FIELD_CODING], "zstd")) {
        return ERR_VERSION;
    }
    /* What the frame says of itself, before memory is taken for it. */
    if (ZSTD_getFrameContentSize(body->ptr, body->size) != size) {
        return ERR_CHECKSUM;
    }
    size_t got = ZSTD_decompress(buf_reserve(out, size + 1), size, body->ptr, body->size);
    if (ZSTD_isError(got) || got != size) {
        return ERR_CHECKSUM;
    }
    buf_commit(out, size);
    return ERR_OK;
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

static enum err read_fields(const msgpack_object *root, struct buf *out, struct buf *recent)
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
    size_t start = buf_len(out);
    enum err err = unpack_body(fields, out);
    if (err) {
        return err;
    }
    struct value body;
    struct value pairs;
    struct value all = {buf_head(out) + start, buf_len(out) - start};
    err = read_recent(root, &pairs);
    if (!err && checksum_of(all, pairs) != fields[FIELD_CHECKSUM].via.u64) {
        err = ERR_CHECKSUM;
    }
    err = err ? err : value_check(all.data, all.len, &body);
    if (!err && value_present(pairs)) {
        buf_append(recent, pairs.data, pairs.len);
    }
    return err;
}

enum err stored_snapshot_read(struct str stored, struct buf *out, struct buf *recent)
{
    if (!link_bounded((const uint8_t *)stored.ptr, stored.len)) {
        return ERR_MALFORMED;
    }
    msgpack_zone *zone = msgpack_zone_new(1024);
    if (!zone) {
        return ERR_TOO_LARGE;
    }
    size_t start = buf_len(out);
    size_t offset = 0;
    msgpack_object root;
    msgpack_unpack_return result = msgpack_unpack(stored.ptr, stored.len, &offset, zone, &root);
    enum err err = result == MSGPACK_UNPACK_SUCCESS && offset == stored.len
                       ? read_fields(&root, out, recent)
                       : ERR_MALFORMED;
    msgpack_zone_free(zone);
    if (err) {
        buf_truncate(out, start);
    }
    return err;
}
