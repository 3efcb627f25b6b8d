#include "edge/rendered.h"

#include "value/check.h"
#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static void parse(struct buf *out, const char *json)
{
    cr_assert(zero(int, json_parse(str_of(json), out)));
}

Test(rendered, is_made_once_an_encoding)
{
    struct buf source = {0};
    parse(&source, "{\"type\":\"pong\"}");
    struct rendered rendered = rendered_of(buf_value(&source));
    cr_assert(zero(ptr, rendered.blobs[ENCODING_JSON]), "nothing before it is asked for");
    struct blob *json = rendered_get(&rendered, ENCODING_JSON);
    cr_assert(eq(ptr, rendered_get(&rendered, ENCODING_JSON), json));
    cr_assert(zero(ptr, rendered.blobs[ENCODING_MSGPACK]));
    struct str text = {(const char *)json->data, json->len};
    cr_assert(str_eq(text, STR("{\"type\":\"pong\"}")));
    struct blob *msgpack = rendered_get(&rendered, ENCODING_MSGPACK);
    cr_assert(str_eq((struct str){(const char *)msgpack->data, msgpack->len}, buf_str(&source)));
    blob_ref(json);
    rendered_finish(&rendered);
    cr_assert(eq(u32, json->refs, 1), "a queue that still has it keeps it");
    blob_unref(json);
    buf_finish(&source);
}

/* What deliver.c puts on the wire for these events. */
static void assemble(enum encoding encoding, struct rendered *events, uint32_t count,
                     struct buf *out)
{
    uint8_t part[ENVELOPE_MAX];
    buf_append(out, part, envelope_head(encoding, count, part));
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_append(out, ",", envelope_gap(encoding));
        }
        struct blob *blob = rendered_get(&events[i], encoding);
        buf_append(out, blob->data, blob->len);
    }
    buf_append(out, part, envelope_tail(encoding, part));
}

Test(rendered, data_messages_read_back)
{
    enum { MANY = 70000 }; /* past every length of a msgpack array's header */
    static struct rendered events[MANY];
    static const uint32_t counts[] = {1, 2, 15, 16, 17, 65535, 65536, MANY};
    struct buf event = {0};
    parse(&event, "{\"type\":\"patch\",\"diff\":{},\"serverClock\":3}");
    for (int i = 0; i < MANY; i++) {
        events[i] = rendered_of(buf_value(&event));
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct buf text = {0};
        struct buf parsed = {0};
        struct buf packed = {0};
        assemble(ENCODING_JSON, events, counts[i], &text);
        assemble(ENCODING_MSGPACK, events, counts[i], &packed);
        cr_assert(zero(int, json_parse(buf_str(&text), &parsed)));
        struct value value;
        cr_assert(zero(int, value_check(buf_head(&packed), buf_len(&packed), &value)));
        cr_assert(value_equal(value, buf_value(&parsed)), "both say the same");
        struct str type;
        cr_assert(value_string(value_get(value, STR("type")), &type));
        cr_assert(str_eq(type, STR("data")));
        struct value data = value_get(value, STR("data"));
        cr_assert(eq(u32, value_count(data), counts[i]));
        cr_assert(value_equal(value_item(data, counts[i] - 1), buf_value(&event)));
        buf_finish(&text);
        buf_finish(&parsed);
        buf_finish(&packed);
    }
    for (int i = 0; i < MANY; i++) {
        rendered_finish(&events[i]);
    }
    buf_finish(&event);
}
