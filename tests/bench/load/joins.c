/* Rounds of joining. */
#include "joins.h"
#include "load.h"

void joins_start(struct joins *joins, uint64_t now_us)
{
    joins->due_us = now_us + joins->gap_us;
    joins->state = joins->count && joins->rounds_left ? JOINS_WAITING : JOINS_DONE;
}

static bool all_are(const struct joins *joins, enum client_state state)
{
    for (size_t i = 0; i < joins->count; i++) {
        if (joins->clients[i].state != state) {
            return false;
        }
    }
    return true;
}

/* Those that were sent away come back at once. */
static void begin_idle(struct joins *joins)
{
    for (size_t i = 0; i < joins->count; i++) {
        if (joins->clients[i].state == CLIENT_IDLE) {
            client_begin(&joins->clients[i]);
        }
    }
}

static void end_round(struct joins *joins)
{
    struct load *load = joins->load;
    histogram_add(&load->stats.join_round, load->now_us - joins->begun_us);
    for (size_t i = 0; i < joins->count; i++) {
        client_drop(&joins->clients[i], CLIENT_IDLE);
        joins->clients[i].tries = 0;
    }
    joins->due_us = load->now_us + joins->gap_us;
    joins->state = --joins->rounds_left > 0 ? JOINS_WAITING : JOINS_DONE;
}

void joins_step(struct joins *joins)
{
    switch (joins->state) {
    case JOINS_WAITING:
        if (joins->load->now_us >= joins->due_us) {
            begin_idle(joins);
            joins->state = JOINS_OPENING;
        }
        break;
    case JOINS_OPENING:
        begin_idle(joins);
        if (all_are(joins, CLIENT_OPEN)) {
            joins->begun_us = load_renew_now(joins->load);
            for (size_t i = 0; i < joins->count; i++) {
                client_join(&joins->clients[i]);
            }
            joins->state = JOINS_JOINING;
        }
        break;
    case JOINS_JOINING:
        if (all_are(joins, CLIENT_READY)) {
            end_round(joins);
        }
        break;
    case JOINS_DONE:
        break;
    }
}
