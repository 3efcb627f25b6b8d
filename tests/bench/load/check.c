/* Parsing a server's messages. */
#include "check.h"
#include "value/check.h"
#include "value/json.h"
#include "value/pack.h"

static bool says(struct value map, struct str name, struct str text)
{
    struct str found;
    return value_string(value_get(map, name), &found) && str_eq(found, text);
}

static bool has_number(struct value map, struct str name)
{
    double number;
    return value_number(value_get(map, name), &number);
}

static bool is_stamp(struct value value)
{
    double number;
    return value_number(value, &number) && number >= (double)STAMP_BASE &&
           number < (double)(STAMP_BASE + STAMP_SPAN);
}

/* Numbers that look like stamps, anywhere below; messages of a benchmark are flat. */
static uint64_t count_stamps(struct value value)
{
    uint64_t count = is_stamp(value);
    struct value_walk walk = value_items(value);
    struct str key;
    struct value part;
    while (value_next_item(&walk, &part)) {
        count += count_stamps(part);
    }
    walk = value_members(value);
    while (value_next_member(&walk, &key, &part)) {
        count += count_stamps(part);
    }
    return count;
}

static const char *check_event(struct value event, uint64_t *commits)
{
    if (!has_number(event, STR("serverClock"))) {
        return "an event without a serverClock";
    }
    if (says(event, STR("type"), STR("patch"))) {
        return value_type(value_get(event, STR("diff"))) == VALUE_MAP ? NULL
                                                                      : "a patch without diff";
    }
    if (!says(event, STR("type"), STR("push_result"))) {
        return "an unknown event";
    }
    if (!says(event, STR("action"), STR("commit"))) {
        return "a push that is not committed";
    }
    ++*commits;
    return has_number(event, STR("clientClock")) ? NULL : "a push_result without a clientClock";
}

static const char *check_data(struct value message, uint64_t *results)
{
    struct value_walk walk = value_items(value_get(message, STR("data")));
    struct value event;
    const char *why = walk.left > 0 ? NULL : "data without events";
    while (!why && value_next_item(&walk, &event)) {
        why = check_event(event, results);
    }
    return why;
}

static const char *check_connect(struct value message)
{
    bool right = says(message, STR("connectRequestId"), STR("bench")) &&
                 value_type(value_get(message, STR("diff"))) == VALUE_MAP &&
                 value_type(value_get(message, STR("schema"))) == VALUE_MAP &&
                 has_number(message, STR("serverClock"));
    return right ? NULL : "a connect reply that is not one";
}

static const char *check_searches(enum encoding encoding, struct str message, uint64_t stamps,
                                  uint64_t results)
{
    struct str rest = message;
    uint64_t found;
    while (scan_stamp(encoding, &rest, &found)) {
        stamps--;
    }
    rest = message;
    while (scan_result(encoding, &rest, &found)) {
        results--;
    }
    return stamps == 0 && results == 0 ? NULL : "searching a message finds other than is in it";
}

static const char *check_value(enum encoding encoding, struct str text, struct value message,
                               uint64_t *commits)
{
    uint64_t results = 0;
    const char *why = NULL;
    if (says(message, STR("type"), STR("data"))) {
        why = check_data(message, &results);
        why = why ? why : check_searches(encoding, text, count_stamps(message), results);
    } else if (says(message, STR("type"), STR("connect"))) {
        why = check_connect(message);
    } else if (!says(message, STR("type"), STR("pong"))) {
        why = "a message of an unknown type";
    }
    *commits += results;
    return why;
}

const char *check_message(enum encoding encoding, struct str message, uint64_t *commits)
{
    struct buf parsed = {0};
    enum err err = encoding == ENCODING_JSON ? json_parse(message, &parsed)
                                             : value_normalize(message.ptr, message.len, &parsed);
    const char *why = err ? "a message that cannot be read"
                          : check_value(encoding, message, buf_value(&parsed), commits);
    buf_finish(&parsed);
    return why;
}
