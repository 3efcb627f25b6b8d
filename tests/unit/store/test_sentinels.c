/* What sentinels say. */
#include "store/sentinels.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static bool read_word(const char *text, struct sentinel_word *word)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    redisReaderFeed(reader, text, strlen(text));
    cr_assert(eq(int, redisReaderGetReply(reader, &reply), REDIS_OK));
    bool named = sentinel_read(reply, word);
    freeReplyObject(reply);
    redisReaderFree(reader);
    return named;
}

Test(sentinels, name_a_master_and_its_epoch)
{
    struct sentinel_word word;
    cr_assert(read_word("*8\r\n$4\r\nname\r\n$4\r\nmain\r\n$2\r\nip\r\n$8\r\n10.0.0.1\r\n"
                        "$4\r\nport\r\n$4\r\n6379\r\n$12\r\nconfig-epoch\r\n$2\r\n17\r\n",
                        &word));
    cr_assert(zero(int, strcmp(word.master.host, "10.0.0.1")));
    cr_assert(eq(u16, word.master.port, 6379));
    cr_assert(eq(u64, word.config_epoch, 17));
}

Test(sentinels, may_name_nobody)
{
    struct sentinel_word word;
    cr_assert(not(read_word("-ERR No such master with that name\r\n", &word)));
    cr_assert(not(read_word("*0\r\n", &word)));
    cr_assert(not(read_word("*2\r\n$2\r\nip\r\n$1\r\nh\r\n", &word)));
    cr_assert(not(read_word("*4\r\n$2\r\nip\r\n$1\r\nh\r\n$4\r\nport\r\n$1\r\n0\r\n", &word)));
    cr_assert(not(read_word("*4\r\n$2\r\nip\r\n$1\r\nh\r\n$4\r\nport\r\n$5\r\n65536\r\n", &word)));
    cr_assert(not(read_word("*4\r\n$2\r\nip\r\n$0\r\n\r\n$4\r\nport\r\n$1\r\n1\r\n", &word)));
}
