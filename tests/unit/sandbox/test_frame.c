#include "sandbox/frame.h"

#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(frame, a_job_arrives_byte_by_byte)
{
    struct buf value = {0};
    struct buf out = {0};
    pack_str(&value, STR("v"));
    struct schema_job sent = {
        .call = SCHEMA_CALL_STORE, .function = STR("up x/1"), .value = buf_value(&value)};
    struct schema_job job;
    struct str body;
    size_t used;
    frame_write_job(&sent, &out);
    for (size_t len = 0; len < buf_len(&out); len++) {
        cr_assert(eq(int, frame_next(buf_head(&out), len, &body, &used), ERR_OK));
        cr_assert(eq(sz, used, 0));
    }
    cr_assert(eq(int, frame_next(buf_head(&out), buf_len(&out), &body, &used), ERR_OK));
    cr_assert(eq(sz, used, buf_len(&out)));
    cr_assert(eq(int, frame_read_job(body, &job), ERR_OK));
    cr_assert(eq(int, job.call, SCHEMA_CALL_STORE));
    cr_assert(str_eq(job.function, STR("up x/1")));
    cr_assert(value_equal(job.value, sent.value));
    for (size_t len = 0; len < body.len; len++) {
        cr_assert(ne(int, frame_read_job((struct str){body.ptr, len}, &job), ERR_OK));
    }
    buf_finish(&out);
    buf_finish(&value);
}

Test(frame, an_absent_value_stays_absent)
{
    struct buf out = {0};
    struct schema_job sent = {.call = SCHEMA_CALL_CHECK, .function = STR("f")};
    struct schema_job job;
    struct str body;
    size_t used;
    frame_write_job(&sent, &out);
    cr_assert(eq(int, frame_next(buf_head(&out), buf_len(&out), &body, &used), ERR_OK));
    cr_assert(eq(int, frame_read_job(body, &job), ERR_OK));
    cr_assert(not(value_present(job.value)));
    buf_finish(&out);
}

Test(frame, an_answer_is_not_believed)
{
    struct schema_job job = {0};
    cr_assert(ne(int, frame_read_answer(STR(""), &job), ERR_OK));
    cr_assert(ne(int, frame_read_answer(STR("\x09"), &job), ERR_OK));
    cr_assert(ne(int, frame_read_answer(STR("\x00\xc1"), &job), ERR_OK));
    cr_assert(ne(int, frame_read_answer(STR("\x00\xc0\xc0"), &job), ERR_OK));
    cr_assert(eq(int, frame_read_answer(STR("\x01\xc0"), &job), ERR_OK));
    cr_assert(eq(int, job.called, SCHEMA_THREW));
    buf_finish(&job.result);
}

Test(frame, too_long_is_an_error)
{
    struct str body;
    size_t used;
    cr_assert(
        eq(int, frame_next((const uint8_t *)"\xff\xff\xff\xff", 4, &body, &used), ERR_TOO_LARGE));
}
