/* Random lives of connections: whatever happens, time goes on, nothing is due twice, and at the end
 * nothing is left. */
#include "fake_edge.h"

#include "base/alloc.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static uint32_t state;

static uint32_t random_below(uint32_t bound)
{
    state = state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(state >> 1) * bound) >> 31);
}

static struct fake_client *pick_client(struct fake *fake)
{
    uint32_t count = 0;
    for (struct list *node = fake->clients.next; node != &fake->clients; node = node->next) {
        count++;
    }
    uint32_t skip = count ? random_below(count) : 0;
    struct list *node = fake->clients.next;
    while (node != &fake->clients && skip-- > 0) {
        node = node->next;
    }
    return count ? list_entry(node, struct fake_client, link) : NULL;
}

static struct fake_worker *pick_worker(struct fake *fake)
{
    struct fake_worker *worker;
    list_each(worker, &fake->workers, link, struct fake_worker)
    {
        if (worker->edge_link && random_below(3) == 0) {
            return worker;
        }
    }
    return NULL;
}

static const char *pick_room(void)
{
    static const char *const rooms[] = {"red", "green", "blue"};
    return rooms[random_below(3)];
}

static void client_step(struct fake *fake, struct fake_client *client)
{
    if (client->ended) {
        fake_gone(client);
        return;
    }
    switch (random_below(8)) {
    case 0:
        fake_gone(client);
        break;
    case 1:
        fake_frame(client, WS_OP_CLOSE, STR("\x03\xe8"));
        break;
    case 2:
        fake_binary(client, "{}");
        break;
    case 3:
        client->window = random_below(2) ? SIZE_MAX : random_below(50);
        break;
    case 4:
        fake_text(client, random_below(4) ? "1_x" : "garbage");
        break;
    case 5:
        fake_frame(client, WS_OP_PING, STR("?"));
        break;
    default:
        fake_text(client, "{\"n\":1}");
        break;
    }
    (void)fake;
}

static void worker_step(struct fake *fake, struct fake_worker *worker, uint64_t conns)
{
    static const char *const payloads[] = {"{}", "{\"n\":1}", "[1,2,3]"};
    const char *id = worker->id;
    const char *json = payloads[random_below(3)];
    enum { LATEST = 100 }; /* those that may be there still */
    uint32_t some = conns < LATEST ? (uint32_t)conns : LATEST;
    uint64_t conn = conns + 1 - random_below(some + 1);
    struct link_frame frame = {.conn = conn, .answered = random_below(20)};
    fake_told(fake, id);
    switch (random_below(10)) {
    case 0:
        frame.type = LINK_CLOSE;
        frame.code = random_below(2) ? 1012 : 0;
        fake_say(fake, id, &frame);
        break;
    case 1:
        frame.type = LINK_DETACH;
        fake_say(fake, id, &frame);
        break;
    case 2:
        frame.type = LINK_REFUSE;
        frame.code = 1 + random_below(3);
        fake_say(fake, id, &frame);
        break;
    case 3:
        frame.type = LINK_ACK;
        fake_say(fake, id, &frame);
        break;
    case 4:
        if (random_below(5) == 0) {
            fake_down(fake, id);
        }
        break;
    case 5:
        fake_send(fake, id, conn, frame.answered, LINK_HOW_CONNECT, json);
        break;
    case 6:
        fake_send(fake, id, conn, frame.answered, 2 + (enum link_how)random_below(4), json);
        break;
    case 7:
        fake_state(fake, id, conn, frame.answered, json);
        break;
    default:
        fake_cast(fake, id, conn, json);
        break;
    }
}

static void owner_step(struct fake *fake, const char *room)
{
    static const char *const workers[] = {"w1", "w2"};
    const char *id = workers[random_below(2)];
    if (random_below(3) == 0) {
        fake_no_owner(fake, room);
        return;
    }
    uint64_t links = edge_count(fake->edge)->links;
    fake_owner(fake, room, id);
    if (edge_count(fake->edge)->links > links) {
        fake_greet(fake, id);
    }
}

/* `longest`: of the times that nothing is done. Returns how many connections there were, `opened`
 * of them before. */
static uint64_t live(struct fake *fake, uint64_t opened, uint32_t longest)
{
    for (int step = 0; step < 600; step++) {
        struct fake_client *client = pick_client(fake);
        struct fake_worker *worker = pick_worker(fake);
        char session[16];
        switch (random_below(6)) {
        case 0:
            snprintf(session, sizeof(session), "s%d", step);
            fake_open(fake, pick_room(), session);
            opened++;
            break;
        case 1:
            owner_step(fake, pick_room());
            break;
        case 2:
            fake_pass(fake, random_below(4) ? random_below(40) : random_below(longest));
            break;
        case 3:
            if (worker) {
                worker_step(fake, worker, opened);
            }
            break;
        default:
            if (client) {
                client_step(fake, client);
            }
            break;
        }
    }
    return opened;
}

/* Every connection comes to its end by itself, within the longest chain of waits. */
static void die(struct fake *fake)
{
    edge_stop(fake->edge, fake->now);
    struct fake_client *client;
    list_each(client, &fake->clients, link, struct fake_client)
    {
        fake_write(client);
    }
    fake_pass(fake, EDGE_CLOSE_WAIT_MS + EDGE_STALL_MS + EDGE_DETACHED_MS);
    list_each(client, &fake->clients, link, struct fake_client)
    {
        cr_assert(client->ended);
        fake_gone(client);
    }
    fake_pass(fake, EDGE_ROOM_KEEP_MS);
    cr_assert(eq(u64, edge_deadline(fake->edge), UINT64_MAX));
    cr_assert(zero(u64, edge_count(fake->edge)->conns));
}

Test(time, goes_on_whatever_happens, .timeout = 100)
{
    for (uint32_t seed = 1; seed <= 200; seed++) {
        struct fake fake;
        state = seed;
        fake_init(&fake);
        live(&fake, 0, 8000);
        if (seed % 2) {
            die(&fake);
        }
        fake_finish(&fake); /* in the middle of everything, too */
    }
}

/* Links that are down, and lines that nobody reads: the fakes'. */
static void forget_what_was(struct fake *fake)
{
    struct fake_worker *worker;
    list_each(worker, &fake->workers, link, struct fake_worker)
    {
        if (!worker->edge_link) {
            list_remove(&worker->link);
            free(worker);
        } else {
            fake_told(fake, worker->id);
        }
    }
    fake_asked(fake);
}

/* A day of such lives: what the edge has allocated when all have left is what it had after two
 * hours. */
Test(time, leaves_nothing_of_a_day, .timeout = 100)
{
    enum { HOURS = 24, HOUR_MS = 3600000, WARM_HOURS = 2, LONGEST_MS = 20000 };
    /* glibc counts as allocated what it keeps of freed blocks of each size, which grows for hours.
     */
    enum { NOISE = 128 << 10, SMALLEST = 32 };
    if (alloc_bytes() == 0) {
        cr_skip("the C library does not say what is allocated");
    }
    struct fake fake;
    state = 1;
    fake_init(&fake);
    uint64_t opened = 0;
    size_t most = 0;
    for (uint64_t hour = 1; hour <= HOURS; hour++) {
        do {
            opened = live(&fake, opened, LONGEST_MS);
            forget_what_was(&fake);
        } while (fake.now < hour * HOUR_MS);
        die(&fake);
        forget_what_was(&fake);
        if (hour <= WARM_HOURS) {
            most = alloc_bytes() + NOISE;
        }
        cr_assert(le(sz, alloc_bytes(), most), "hour %d", (int)hour);
    }
    cr_assert(gt(u64, opened * SMALLEST, 4 * NOISE), "so many that a leak shows");
    fake_finish(&fake);
}
