/* Rendering messages for clients. */
#include "edge/rendered.h"

#include "value/json.h"
#include "value/pack.h"

struct blob *rendered_get(struct rendered *rendered, enum encoding encoding)
{
    if (rendered->blobs[encoding]) {
        return rendered->blobs[encoding];
    }
    struct blob *blob = NULL;
    switch (encoding) {
    case ENCODING_JSON: {
        struct buf text = {0};
        /* Text takes more room than msgpack: by a third or so, for tldraw's records. */
        buf_reserve(&text, sizeof(*blob) + rendered->source.len + rendered->source.len / 2);
        blob_begin(&text);
        json_write(rendered->source, &text);
        blob = blob_take(&text);
        break;
    }
    case ENCODING_MSGPACK:
    case ENCODINGS:
        blob = blob_create(rendered->source.data, rendered->source.len);
        break;
    }
    rendered->blobs[encoding] = blob;
    return blob;
}

void rendered_finish(struct rendered *rendered)
{
    for (int i = 0; i < ENCODINGS; i++) {
        blob_unref(rendered->blobs[i]);
        rendered->blobs[i] = NULL;
    }
}

static size_t copy(uint8_t out[ENVELOPE_MAX], struct str text)
{
    memcpy(out, text.ptr, text.len);
    return text.len;
}

size_t envelope_head(enum encoding encoding, uint32_t events, uint8_t out[ENVELOPE_MAX])
{
    if (encoding == ENCODING_JSON) {
        return copy(out, STR("{\"type\":\"data\",\"data\":["));
    }
    struct buf head = {0};
    pack_map(&head, 2);
    pack_str(&head, STR("type"));
    pack_str(&head, STR("data"));
    pack_str(&head, STR("data"));
    pack_array(&head, events);
    size_t len = copy(out, buf_str(&head));
    buf_finish(&head);
    return len;
}

size_t envelope_tail(enum encoding encoding, uint8_t out[ENVELOPE_MAX])
{
    return encoding == ENCODING_JSON ? copy(out, STR("]}")) : 0;
}

size_t envelope_gap(enum encoding encoding)
{
    return encoding == ENCODING_JSON ? 1 : 0;
}
