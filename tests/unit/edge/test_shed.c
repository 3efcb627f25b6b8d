#include "fake_edge.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct fake fake;

enum { BOUND = 1 << 20, LARGE = 200 << 10 };

static void setup(void)
{
    fake_init(&fake);
    fake.config.max_unsent = BOUND;
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(shed, .init = setup, .fini = teardown);

/* The nth client, which has joined the room "demo" of worker w1 and reads nothing. */
static struct fake_client *join(const char *session, uint64_t conn)
{
    struct fake_client *client = fake_open(&fake, "demo", session);
    if (conn == 1) {
        fake_serve(&fake, "demo", "w1");
    }
    fake_send(&fake, "w1", conn, 0, LINK_HOW_CONNECT, "{}");
    fake_got(client);
    client->window = 0;
    return client;
}

/* A string of so many bytes, quotes included. */
static const char *text_of(struct buf *json, size_t len)
{
    buf_append(json, "\"", 1);
    memset(buf_reserve(json, len - 2), 'x', len - 2);
    buf_commit(json, len - 2);
    buf_append(json, "\"", 2);
    return (const char *)buf_head(json);
}

static void event(uint64_t conn, size_t len)
{
    struct buf json = {0};
    fake_send(&fake, "w1", conn, 0, LINK_HOW_EVENT, text_of(&json, len));
    buf_finish(&json);
}

static void cast(size_t len)
{
    struct buf json = {0};
    fake_cast(&fake, "w1", 0, text_of(&json, len));
    buf_finish(&json);
}

static size_t unsent(void)
{
    return edge_count(fake.edge)->unsent_bytes;
}

/* Time goes on, and so do its tries to write. */
static void pass(struct fake_client *client, uint64_t ms)
{
    fake_write(client);
    fake_pass(&fake, ms);
    fake_write(client);
}

Test(shed, counts_shared_memory_once_and_until_it_is_read)
{
    struct fake_client *clients[10];
    for (uint64_t i = 0; i < 10; i++) {
        clients[i] = join("a", i + 1);
    }
    cr_assert(zero(sz, unsent()));
    cast(LARGE);
    cast(LARGE);
    cast(LARGE); /* waits for its time */
    cr_assert(gt(sz, unsent(), 3 * LARGE));
    cr_assert(lt(sz, unsent(), 3 * LARGE + (10 << 10)));
    fake_pass(&fake, EDGE_PACE_MS);
    for (int i = 0; i < 9; i++) {
        clients[i]->window = SIZE_MAX;
        fake_got(clients[i]);
    }
    cr_assert(gt(sz, unsent(), 3 * LARGE), "the last one has read nothing");
    clients[9]->window = SIZE_MAX;
    fake_got(clients[9]);
    fake_pass(&fake, EDGE_PACE_MS);
    for (int i = 0; i < 10; i++) {
        fake_got(clients[i]);
    }
    cr_assert(zero(sz, unsent()));
}

Test(shed, who_is_slowest_is_closed_and_may_come_back)
{
    struct fake_client *slow = join("slow", 1);
    struct fake_client *new = join("new", 2);
    struct fake_client *quick = join("quick", 3);
    event(1, 2 * LARGE);
    pass(slow, 1000);
    event(2, 2 * LARGE);
    pass(new, 10);
    fake_asked(&fake);
    fake_told(&fake, "w1");
    event(3, 2 * LARGE);
    slow->window = quick->window = SIZE_MAX;
    SAME_LINES(fake_got(slow), "close 1013 too much waits to be read\n");
    SAME_LINES(fake_asked(&fake), "");
    SAME_LINES(fake_told(&fake, "w1"), "gone 1\n");
    cr_assert(eq(u64, edge_count(fake.edge)->closes_slow, 1));
    cr_assert(eq(u64, edge_count(fake.edge)->closes_retry, 1));
    cr_assert(le(sz, unsent(), BOUND));
    cr_assert(gt(sz, strlen(fake_got(quick)), 2 * LARGE));
    new->window = SIZE_MAX;
    cr_assert(gt(sz, strlen(fake_got(new)), 2 * LARGE));
}

Test(shed, most_bytes_go_before_few_of_the_same_age)
{
    struct fake_client *few = join("few", 1);
    struct fake_client *most = join("most", 2);
    struct fake_client *none = join("none", 3);
    event(1, LARGE);
    event(2, 3 * LARGE);
    fake_write(few);
    pass(most, 1000);
    event(3, 2 * LARGE);
    most->window = SIZE_MAX;
    SAME_LINES(fake_got(most), "close 1013 too much waits to be read\n");
    cr_assert(eq(u64, edge_count(fake.edge)->closes_slow, 1));
    (void)none;
}

Test(shed, as_many_as_it_takes)
{
    struct fake_client *clients[8];
    for (uint64_t i = 0; i < 8; i++) {
        clients[i] = join("a", i + 1);
    }
    for (uint64_t i = 0; i < 8; i++) {
        event(i + 1, LARGE / 2);
        fake_write(clients[i]);
    }
    fake_pass(&fake, 1000);
    for (uint64_t i = 0; i < 8; i++) {
        event(i + 1, LARGE / 2);
    }
    cr_assert(le(sz, unsent(), BOUND));
    uint64_t closed = edge_count(fake.edge)->closes_slow;
    cr_assert(gt(u64, closed, 1));
    cr_assert(lt(u64, closed, 6), "and not more");
}

Test(shed, a_message_that_is_begun_is_sent_to_its_end)
{
    struct fake_client *slow = join("slow", 1);
    struct fake_client *other = join("other", 2);
    event(1, LARGE);
    slow->window = 1000;
    pass(slow, 100);
    event(1, 2 * LARGE);
    event(1, 10);
    pass(slow, 1000);
    event(2, 3 * LARGE);
    slow->window = SIZE_MAX;
    const char *got = fake_got(slow);
    const char *end = "close 1013 too much waits to be read\n";
    cr_assert(gt(sz, strlen(got), LARGE));
    cr_assert(lt(sz, strlen(got), LARGE + 200), "and nothing else");
    cr_assert(zero(int, strcmp(got + strlen(got) - strlen(end), end)));
    (void)other;
}

Test(shed, who_is_in_the_middle_of_much_is_not_waited_for)
{
    struct fake_client *slow = join("slow", 1);
    event(1, 3 * LARGE);
    slow->window = 1000;
    pass(slow, 100);
    fake_asked(&fake);
    event(1, 3 * LARGE);
    SAME_LINES(fake_asked(&fake), "abort slow\n");
    cr_assert(lt(sz, unsent(), LARGE));
    fake_gone(slow);
}

Test(shed, what_it_is_in_the_middle_of_may_be_too_much_all_the_same)
{
    struct fake_client *slow = join("slow", 1);
    struct fake_client *other = join("other", 2);
    event(1, LARGE);
    slow->window = 1000;
    pass(slow, 100);
    fake_asked(&fake);
    event(2, BOUND - LARGE / 2);
    SAME_LINES(fake_asked(&fake), "abort slow\n");
    cr_assert(eq(u64, edge_count(fake.edge)->closes_slow, 1));
    cr_assert(le(sz, unsent(), BOUND));
    fake_gone(slow);
    other->window = SIZE_MAX;
    cr_assert(gt(sz, strlen(fake_got(other)), BOUND - LARGE / 2));
}
