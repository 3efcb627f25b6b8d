/* Slots of keys, and maps of them. The vectors are Redis' own (CLUSTER KEYSLOT). */
#include "store/slots.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdlib.h>

struct slot_case {
    char key[48];
    uint16_t slot;
};

ParameterizedTestParameters(slots, of_key)
{
    static struct slot_case cases[] = {
        {"123456789", 12739},
        {"foo", 12182},
        {"{user1000}.following", 3443},
        {"foo{}{bar}", 8363},
        {"foo{{bar}}zap", 4015},
        {"foo{bar}{zap}", 5061},
        {"roomd:{demo}", 903},
        {"roomd:{demo}:log", 903},
        {"roomd:workers", 6065},
        {"roomd:{a%7Bb%25}", 13201},
        {"roomd:events", 6126},
        {"{", 4092},
        {"}{", 12793},
        {"a{b", 13340},
        {"", 0},
    };
    return cr_make_param_array(struct slot_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct slot_case *c, slots, of_key)
{
    cr_assert(eq(u16, slot_of(str_of(c->key)), c->slot), "%s", c->key);
}

Test(slots, all_keys_of_a_room_share_one)
{
    uint16_t slot = slot_of(STR("roomd:{demo}"));
    cr_assert(eq(u16, slot_of(STR("roomd:{demo}:log")), slot));
    cr_assert(eq(u16, slot_of(STR("roomd:{demo}:snapshot")), slot));
    cr_assert(
        eq(u16, slot_of(STR("roomd:worker:{roomd:workers}:x")), slot_of(STR("roomd:workers"))));
}

/* ---- maps ---- */

static redisReply *read_reply(const char *text)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    redisReaderFeed(reader, text, strlen(text));
    cr_assert(eq(int, redisReaderGetReply(reader, &reply), REDIS_OK));
    redisReaderFree(reader);
    return reply;
}

static const struct address asked = {.host = "10.0.0.9", .port = 7000};

Test(slots, map_names_masters_and_leaves_replicas_out)
{
    redisReply *reply =
        read_reply("*2\r\n"
                   "*4\r\n:0\r\n:8191\r\n*3\r\n$8\r\n10.0.0.1\r\n:7001\r\n$1\r\na\r\n"
                   "*3\r\n$8\r\n10.0.0.2\r\n:7002\r\n$1\r\nb\r\n"
                   "*3\r\n:8192\r\n:16383\r\n*3\r\n$0\r\n\r\n:7003\r\n$1\r\nc\r\n");
    size_t count;
    struct slot_range *ranges = slots_read(reply, &asked, &count);
    cr_assert(eq(sz, count, 2));
    cr_assert(eq(u16, ranges[0].first, 0));
    cr_assert(eq(u16, ranges[0].last, 8191));
    cr_assert(zero(int, strcmp(ranges[0].master.host, "10.0.0.1")));
    cr_assert(eq(u16, ranges[0].master.port, 7001));
    cr_assert(
        zero(int, strcmp(ranges[1].master.host, "10.0.0.9"))); /* who does not know its name */
    cr_assert(eq(u16, ranges[1].master.port, 7003));
    free(ranges);
    freeReplyObject(reply);
}

struct bad_case {
    char text[100];
};

ParameterizedTestParameters(slots, no_map)
{
    static struct bad_case cases[] = {
        {"-ERR This instance has cluster support disabled\r\n"},
        {"*0\r\n"},
        {"*1\r\n:1\r\n"},
        {"*1\r\n*2\r\n:0\r\n:1\r\n"},
        {"*1\r\n*3\r\n:1\r\n:0\r\n*2\r\n$1\r\nh\r\n:1\r\n"},
        {"*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n"},
        {"*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:0\r\n"},
        {"*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:65536\r\n"},
        {"*1\r\n*3\r\n:0\r\n:1\r\n$1\r\nh\r\n"},
    };
    return cr_make_param_array(struct bad_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bad_case *c, slots, no_map)
{
    size_t count;
    redisReply *reply = read_reply(c->text);
    cr_assert(eq(ptr, slots_read(reply, &asked, &count), NULL), "%s", c->text);
    freeReplyObject(reply);
}
