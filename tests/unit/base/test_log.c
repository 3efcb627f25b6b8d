#include "base/log.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

static int real_stderr = -1;
static int reader = -1;
static char captured[4096];

static void capture_start(void)
{
    int ends[2];
    cr_assert(zero(int, pipe2(ends, O_CLOEXEC | O_NONBLOCK)));
    real_stderr = dup(STDERR_FILENO);
    cr_assert(ge(int, dup2(ends[1], STDERR_FILENO), 0));
    close(ends[1]);
    reader = ends[0];
}

/* All that was written since, with each time of day replaced by T. */
static const char *capture_end(void)
{
    ssize_t len = read(reader, captured, sizeof(captured) - 1);
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(reader);
    captured[len > 0 ? len : 0] = '\0';
    for (char *at = captured; (at = strstr(at, "T")); at++) {
        /* 2026-01-31T10:00:00.123Z: ten before the T, thirteen after it */
        if (at - captured >= 10 && at[-3] == '-' && at[13] == 'Z') {
            memmove(at - 9, at + 14, strlen(at + 14) + 1);
            at[-10] = 'T';
            at -= 10;
        }
    }
    return captured;
}

static void expect_lines(const char *want)
{
    const char *lines = capture_end();
    cr_assert(zero(int, strcmp(lines, want)), "got:\n%swant:\n%s", lines, want);
}

Test(log, text_is_scope_first_then_phrase_then_keys)
{
    struct log_scope scope = {"conn", STR("42")};
    log_setup("gateway-1", LOG_INFO, LOG_TEXT);
    capture_start();
    log_warn(&scope, "send queue full", LOG_U64("bytes", 1048577), LOG_STR("room", STR("demo")));
    log_info(NULL, "up");
    expect_lines("T warn  gateway-1 conn=42: send queue full bytes=1048577 room=demo\n"
                 "T info  gateway-1: up\n");
}

Test(log, json_is_one_object_a_line)
{
    struct log_scope scope = {"room", STR("de\"mo")};
    log_setup("worker-2", LOG_DEBUG, LOG_JSON);
    capture_start();
    log_error(&scope, "append failed", LOG_ERR(ERR_FENCED), LOG_I64("clock", -5),
              LOG_F64("load", 0.25));
    log_debug(NULL, "up");
    expect_lines("{\"time\":\"T\",\"level\":\"error\",\"process\":\"worker-2\","
                 "\"message\":\"append failed\",\"room\":\"de\\\"mo\","
                 "\"error\":\"fenced by a newer owner\",\"clock\":-5,\"load\":0.25}\n"
                 "{\"time\":\"T\",\"level\":\"debug\",\"process\":\"worker-2\","
                 "\"message\":\"up\"}\n");
}

Test(log, text_quotes_what_could_be_taken_for_structure)
{
    log_setup("p", LOG_INFO, LOG_TEXT);
    capture_start();
    log_info(NULL, "x", LOG_TEXTZ("plain", "a:b/c"), LOG_TEXTZ("space", "a b"),
             LOG_TEXTZ("empty", ""), LOG_STR("absent", ((struct str){NULL, 0})),
             LOG_TEXTZ("line", "a\nb"), LOG_TEXTZ("equals", "a=b"), LOG_TEXTZ("quote", "a\"b\\"),
             LOG_STR("nul", ((struct str){"a\0b", 3})));
    expect_lines("T info  p: x plain=a:b/c space=\"a b\" empty=\"\" absent=\"\" line=\"a\\u000ab\" "
                 "equals=\"a=b\" quote=\"a\\\"b\\\\\" nul=\"a\\u0000b\"\n");
}

Test(log, bytes_that_are_no_text_and_control_characters_do_not_get_through)
{
    log_setup("p", LOG_INFO, LOG_JSON);
    capture_start();
    log_info(NULL, "x", LOG_TEXTZ("good", "\xc3\xa4\xf0\x9f\x98\x80"), LOG_TEXTZ("bad", "a\xff!"),
             LOG_TEXTZ("cut", "\xe2\x82"), LOG_TEXTZ("half", "\xed\xa0\x80"),
             LOG_TEXTZ("c1", "\xc2\x9bm\xc2\xa0"), LOG_TEXTZ("c0", "\x1b\x7f"));
    expect_lines("{\"time\":\"T\",\"level\":\"info\",\"process\":\"p\",\"message\":\"x\","
                 "\"good\":\"\xc3\xa4\xf0\x9f\x98\x80\",\"bad\":\"a\\ufffd!\","
                 "\"cut\":\"\\ufffd\\ufffd\",\"half\":\"\\ufffd\\ufffd\\ufffd\","
                 "\"c1\":\"\\u009bm\xc2\xa0\",\"c0\":\"\\u001b\\u007f\"}\n");
}

Test(log, numbers_at_their_ends)
{
    log_setup("p", LOG_INFO, LOG_JSON);
    capture_start();
    log_info(NULL, "x", LOG_U64("most", UINT64_MAX), LOG_I64("least", INT64_MIN),
             LOG_F64("nan", (double)NAN), LOG_F64("inf", (double)INFINITY));
    expect_lines("{\"time\":\"T\",\"level\":\"info\",\"process\":\"p\",\"message\":\"x\","
                 "\"most\":18446744073709551615,\"least\":-9223372036854775808,"
                 "\"nan\":null,\"inf\":null}\n");
}

Test(log, below_the_threshold_nothing_is_written)
{
    log_setup("p", LOG_WARN, LOG_TEXT);
    capture_start();
    log_debug(NULL, "a");
    log_info(NULL, "b");
    log_warn(NULL, "c");
    log_error(NULL, "d");
    expect_lines("T warn  p: c\nT error p: d\n");
    log_setup("p", LOG_OFF, LOG_TEXT);
    capture_start();
    log_error(NULL, "e");
    expect_lines("");
}

Test(log, a_line_is_as_long_as_it_must_be)
{
    char longtext[3001];
    memset(longtext, 'x', 3000);
    longtext[3000] = '\0';
    log_setup("p", LOG_INFO, LOG_TEXT);
    capture_start();
    log_info(NULL, "y", LOG_TEXTZ("k", longtext));
    cr_assert(eq(sz, strlen(capture_end()), strlen("T info  p: y k=\n") + 3000));
}

Test(log, names_of_levels_and_formats_parse_back)
{
    enum log_level level;
    enum log_format format;
    for (int i = LOG_DEBUG; i <= LOG_OFF; i++) {
        cr_assert(
            zero(int, (int)log_level_parse(str_of(log_level_name((enum log_level)i)), &level)));
        cr_assert(eq(int, level, i));
    }
    for (int i = LOG_TEXT; i <= LOG_JSON; i++) {
        cr_assert(
            zero(int, (int)log_format_parse(str_of(log_format_name((enum log_format)i)), &format)));
        cr_assert(eq(int, format, i));
    }
    cr_assert(eq(int, log_level_parse(STR("Warn"), &level), ERR_USAGE));
    cr_assert(eq(int, log_level_parse(STR(""), &level), ERR_USAGE));
    cr_assert(eq(int, log_format_parse(STR("xml"), &format), ERR_USAGE));
}

Test(log, limit_lets_a_burst_pass_each_minute_and_counts_the_rest)
{
    struct log_limit limit = {0};
    uint32_t suppressed = 99;
    cr_assert(log_limit_pass(&limit, 2, 5000, &suppressed));
    cr_assert(eq(u32, suppressed, 0));
    cr_assert(log_limit_pass(&limit, 2, 5000, &suppressed));
    for (uint64_t now_ms = 5001; now_ms < 65000; now_ms += 10000) {
        cr_assert(not(log_limit_pass(&limit, 2, now_ms, &suppressed)));
    }
    cr_assert(log_limit_pass(&limit, 2, 65000, &suppressed));
    cr_assert(eq(u32, suppressed, 6), "those of the minute before are reported once");
    cr_assert(log_limit_pass(&limit, 2, 65001, &suppressed));
    cr_assert(eq(u32, suppressed, 0));
    cr_assert(not(log_limit_pass(&limit, 2, 65002, &suppressed)));
}

Test(log, limit_works_from_time_zero)
{
    struct log_limit limit = {0};
    uint32_t suppressed = 0;
    cr_assert(log_limit_pass(&limit, 1, 0, &suppressed));
    cr_assert(not(log_limit_pass(&limit, 1, 1, &suppressed)));
    cr_assert(not(log_limit_pass(&limit, 1, 59999, &suppressed)));
}
