/* Frames between a worker and its roomd-script. */
#include "sandbox/frame.h"

#include "value/check.h"

enum { LENGTH_BYTES = 4 };

static void put_u32(uint8_t *at, size_t number)
{
    for (int i = 0; i < LENGTH_BYTES; i++) {
        at[i] = (uint8_t)(number >> (24 - 8 * i));
    }
}

static size_t get_u32(const uint8_t *at)
{
    return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

size_t frame_begin(struct buf *out)
{
    size_t start = buf_len(out);
    buf_append(out, "\0\0\0", LENGTH_BYTES);
    return start;
}

void frame_end(struct buf *out, size_t start)
{
    put_u32(buf_head(out) + start, buf_len(out) - start - LENGTH_BYTES);
}

enum err frame_next(const uint8_t *bytes, size_t len, struct str *body, size_t *used)
{
    *used = 0;
    if (len < LENGTH_BYTES) {
        return ERR_OK;
    }
    size_t size = get_u32(bytes);
    if (size > SANDBOX_FRAME_MAX) {
        return ERR_TOO_LARGE;
    }
    if (len - LENGTH_BYTES >= size) {
        *body = (struct str){(const char *)bytes + LENGTH_BYTES, size};
        *used = LENGTH_BYTES + size;
    }
    return ERR_OK;
}

/* call, whether there is a value, length of the name, name, value */
void frame_begin_job(const struct schema_job *job, struct buf *out)
{
    uint8_t length[LENGTH_BYTES];
    size_t start = frame_begin(out);
    buf_append_byte(out, (uint8_t)job->call);
    buf_append_byte(out, value_present(job->value));
    put_u32(length, job->function.len);
    buf_append(out, length, sizeof(length));
    buf_append_str(out, job->function);
    put_u32(buf_head(out) + start, buf_len(out) - start - LENGTH_BYTES + job->value.len);
}

void frame_write_job(const struct schema_job *job, struct buf *out)
{
    frame_begin_job(job, out);
    buf_append(out, job->value.data, job->value.len);
}

enum err frame_read_job(struct str body, struct schema_job *job)
{
    enum { HEAD = 2 + LENGTH_BYTES };
    const uint8_t *at = (const uint8_t *)body.ptr;
    if (body.len < HEAD || at[0] > SCHEMA_CALL_STORAGE || at[1] > 1) {
        return ERR_MALFORMED;
    }
    size_t name = get_u32(at + 2);
    if (name > body.len - HEAD) {
        return ERR_MALFORMED;
    }
    size_t rest = body.len - HEAD - name;
    *job = (struct schema_job){
        .call = (enum schema_call)at[0],
        .function = {body.ptr + HEAD, name},
    };
    return at[1] ? value_check(at + HEAD + name, rest, &job->value)
                 : (rest == 0 ? ERR_OK : ERR_MALFORMED);
}

/* how it went, result if there is one */
void frame_write_answer(const struct schema_job *job, struct buf *out)
{
    size_t start = frame_begin(out);
    buf_append_byte(out, (uint8_t)job->called);
    buf_append_str(out, buf_str(&job->result));
    frame_end(out, start);
}

enum err frame_read_answer(struct str body, struct schema_job *job)
{
    struct value result;
    const uint8_t *at = (const uint8_t *)body.ptr;
    if (body.len < 1 || at[0] > SCHEMA_UNAVAILABLE) {
        return ERR_MALFORMED;
    }
    if (body.len > 1) {
        enum err err = value_check(at + 1, body.len - 1, &result);
        if (err) {
            return err;
        }
        buf_append(&job->result, at + 1, body.len - 1);
    }
    job->called = (enum schema_called)at[0];
    return ERR_OK;
}

enum err frame_begin_answer(const uint8_t *bytes, size_t len, enum schema_called *called,
                            size_t *result, size_t *used)
{
    if (len <= LENGTH_BYTES) {
        return ERR_AGAIN;
    }
    size_t size = get_u32(bytes);
    if (size > SANDBOX_FRAME_MAX) {
        return ERR_TOO_LARGE;
    }
    if (size < 1 || bytes[LENGTH_BYTES] > SCHEMA_UNAVAILABLE) {
        return ERR_MALFORMED;
    }
    *called = (enum schema_called)bytes[LENGTH_BYTES];
    *result = size - 1;
    *used = LENGTH_BYTES + 1;
    return ERR_OK;
}
