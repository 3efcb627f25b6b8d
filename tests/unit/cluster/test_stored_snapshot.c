#include "cluster/stored_snapshot.h"

#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

static void small_body(struct buf *out)
{
    cr_assert(eq(int,
                 json_parse(STR("{\"documentClock\":7,\"tombstoneHistoryStartsAtClock\":1,"
                                "\"documents\":[],\"tombstones\":{\"a\":3}}"),
                            out),
                 ERR_OK));
}

/* Big enough to be compressed; of little variety. */
static void big_body(struct buf *out, uint32_t documents)
{
    pack_map(out, 1);
    pack_str(out, STR("documents"));
    pack_array(out, documents);
    for (uint32_t i = 0; i < documents; i++) {
        pack_map(out, 2);
        pack_str(out, STR("id"));
        pack_u64(out, i);
        pack_str(out, STR("typeName"));
        pack_str(out, STR("shape"));
    }
}

/* Big, and without any structure that could be made smaller. */
static void dense_body(struct buf *out)
{
    uint32_t seed = 1;
    pack_array(out, 400);
    for (uint32_t i = 0; i < 400; i++) {
        seed = seed * 1664525u + 1013904223u;
        pack_number(out, (double)seed * 1.0000001 / 3.0);
    }
}

/* [["gateway-1.5", 12]] */
static const uint8_t recent_bytes[] = "\x91\x92\xabgateway-1.5\x0c";
static const struct value recent = {recent_bytes, sizeof(recent_bytes) - 1};

static enum err read_copy(struct str stored, struct buf *out)
{
    struct buf back = {0};
    char *copy = malloc(stored.len ? stored.len : 1);
    if (stored.len > 0) {
        memcpy(copy, stored.ptr, stored.len);
    }
    enum err err = stored_snapshot_read((struct str){copy, stored.len}, out, &back);
    cr_assert(err ? buf_len(&back) == 0
                  : value_equal((struct value){buf_head(&back), buf_len(&back)}, recent));
    buf_finish(&back);
    free(copy);
    return err;
}

static void assert_round_trip(struct buf *body)
{
    struct buf stored = {0};
    struct buf out = {0};
    buf_append_str(&stored, STR("before"));
    stored_snapshot_write(buf_value(body), recent, 7, &stored);
    buf_consume(&stored, strlen("before"));
    buf_append_str(&out, STR("kept"));
    cr_assert(eq(int, read_copy(buf_str(&stored), &out), ERR_OK));
    buf_consume(&out, strlen("kept"));
    cr_assert(str_eq(buf_str(&out), buf_str(body)));
    buf_finish(&stored);
    buf_finish(&out);
    buf_finish(body);
}

Test(stored_snapshot, is_read_as_it_was_written)
{
    struct buf small = {0};
    struct buf big = {0};
    struct buf dense = {0};
    small_body(&small);
    big_body(&big, 10000);
    dense_body(&dense);
    assert_round_trip(&small);
    assert_round_trip(&big);
    assert_round_trip(&dense);
}

/* A large one, fed `step` bytes at a time. */
static void assert_packed(const struct buf *body, size_t step)
{
    struct buf stored = {0};
    struct buf out = {0};
    struct str all = buf_str(body);
    struct snapshot_packing *packing = snapshot_packing_create(all.len);
    for (size_t at = 0; at < all.len; at += step) {
        size_t len = all.len - at < step ? all.len - at : step;
        snapshot_packing_feed(packing, (struct str){all.ptr + at, len});
    }
    snapshot_packing_end(packing, recent, 7, &stored);
    snapshot_packing_destroy(packing);
    cr_assert(eq(int, read_copy(buf_str(&stored), &out), ERR_OK));
    cr_assert(str_eq(buf_str(&out), all));
    buf_finish(&stored);
    buf_finish(&out);
}

Test(stored_snapshot, bit_by_bit_is_read_as_it_was_fed)
{
    struct buf small = {0};
    struct buf big = {0};
    struct buf dense = {0};
    small_body(&small);
    big_body(&big, 10000);
    dense_body(&dense);
    for (size_t step = 1; step < 100000; step *= 31) {
        assert_packed(&small, step);
        assert_packed(&big, step);
        assert_packed(&dense, step);
    }
    snapshot_packing_destroy(snapshot_packing_create(5)); /* given up */
    buf_finish(&small);
    buf_finish(&big);
    buf_finish(&dense);
}

static size_t stored_size(struct buf *body)
{
    struct buf stored = {0};
    stored_snapshot_write(buf_value(body), recent, 7, &stored);
    size_t size = buf_len(&stored);
    buf_finish(&stored);
    return size;
}

Test(stored_snapshot, is_compressed_where_that_pays)
{
    struct buf big = {0};
    struct buf dense = {0};
    big_body(&big, 10000);
    dense_body(&dense);
    cr_assert(lt(sz, stored_size(&big), buf_len(&big) / 2));
    cr_assert(gt(sz, stored_size(&dense), buf_len(&dense)));
    buf_finish(&big);
    buf_finish(&dense);
}

/* The clock stands outside for people to see; nothing here depends on it. */
static void assert_detected_or_harmless(const struct buf *stored, struct str body, size_t at,
                                        uint8_t byte)
{
    struct buf out = {0};
    uint8_t kept = buf_head(stored)[at];
    if (byte == kept) {
        return;
    }
    buf_head(stored)[at] = byte;
    enum err err = read_copy(buf_str(stored), &out);
    if (err) {
        cr_assert(eq(sz, buf_len(&out), 0), "byte %zu set to %02x: leaves something", at, byte);
    } else {
        cr_assert(str_eq(buf_str(&out), body), "byte %zu set to %02x: another body", at, byte);
    }
    buf_head(stored)[at] = kept;
    buf_finish(&out);
}

Test(stored_snapshot, every_corrupted_byte_is_detected_or_harmless, .timeout = 100)
{
    struct buf body = {0};
    for (int big = 0; big < 2; big++) {
        struct buf stored = {0};
        if (big) {
            big_body(&body, 200);
        } else {
            small_body(&body);
        }
        stored_snapshot_write(buf_value(&body), recent, 7, &stored);
        for (size_t at = 0; at < buf_len(&stored); at++) {
            uint8_t was = buf_head(&stored)[at];
            const uint8_t bytes[] = {0, 1, 0xc0, 0xc6, 0xdb, 0xdd, 0xdf, 0xff};
            for (size_t i = 0; i < sizeof(bytes); i++) {
                assert_detected_or_harmless(&stored, buf_str(&body), at, bytes[i]);
            }
            for (int bit = 0; bit < 8; bit++) {
                assert_detected_or_harmless(&stored, buf_str(&body), at, was ^ (uint8_t)(1 << bit));
            }
        }
        buf_finish(&stored);
        buf_finish(&body);
    }
}

Test(stored_snapshot, cut_anywhere_is_refused)
{
    struct buf body = {0};
    struct buf stored = {0};
    struct buf out = {0};
    big_body(&body, 200);
    stored_snapshot_write(buf_value(&body), recent, 7, &stored);
    for (size_t len = 0; len < buf_len(&stored); len++) {
        struct str cut = {(const char *)buf_head(&stored), len};
        cr_assert(eq(int, read_copy(cut, &out), ERR_MALFORMED), "cut to %zu", len);
        cr_assert(eq(sz, buf_len(&out), 0));
    }
    buf_append_byte(&stored, 0xc0);
    cr_assert(eq(int, read_copy(buf_str(&stored), &out), ERR_MALFORMED));
    buf_finish(&stored);
    buf_finish(&body);
    buf_finish(&out);
}

static int append(void *data, const char *bytes, size_t len)
{
    buf_append(data, bytes, len);
    return 0;
}

static enum err read_envelope(const char *magic, uint64_t version, const char *coding,
                              uint64_t size)
{
    struct buf stored = {0};
    struct buf out = {0};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &stored, append);
    msgpack_pack_array(&packer, 7);
    msgpack_pack_str_with_body(&packer, magic, strlen(magic));
    msgpack_pack_uint64(&packer, version);
    msgpack_pack_uint64(&packer, 7);
    msgpack_pack_str_with_body(&packer, coding, strlen(coding));
    msgpack_pack_uint64(&packer, size);
    msgpack_pack_uint64(&packer, 0);
    msgpack_pack_bin_with_body(&packer, "\x80", 1);
    enum err err = read_copy(buf_str(&stored), &out);
    buf_finish(&stored);
    buf_finish(&out);
    return err;
}

Test(stored_snapshot, of_an_unknown_kind_is_named_so)
{
    cr_assert(eq(int, read_envelope("roomd-snapshot", 2, "none", 1), ERR_VERSION));
    cr_assert(eq(int, read_envelope("roomd-snapshot", 0, "none", 1), ERR_VERSION));
    cr_assert(eq(int, read_envelope("roomd-snapshot", 1, "lz99", 1), ERR_VERSION));
    cr_assert(eq(int, read_envelope("roomd-snapsho", 1, "none", 1), ERR_MALFORMED));
    cr_assert(eq(int, read_envelope("roomd-snapshot", 1, "none", 2), ERR_MALFORMED));
    cr_assert(eq(int, read_envelope("roomd-snapshot", 1, "none", 1), ERR_CHECKSUM));
    cr_assert(eq(int, read_envelope("roomd-snapshot", 1, "zstd", 1), ERR_CHECKSUM));
    cr_assert(eq(int, read_envelope("roomd-snapshot", 1, "zstd", STORED_SNAPSHOT_MAX + 1),
                 ERR_TOO_LARGE));
}

Test(stored_snapshot, of_a_later_version_may_look_otherwise)
{
    struct buf out = {0};
    char later[] = "\x93\xaeroomd-snapshot\x02\xc0";
    cr_assert(eq(int, read_copy((struct str){later, sizeof(later) - 1}, &out), ERR_VERSION));
    buf_finish(&out);
}
