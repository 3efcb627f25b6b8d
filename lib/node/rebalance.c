/* Which rebalancing was begun last, of the whole cluster (proto/placement.md): whoever rebalances
 * looks here before each move, and ends when it is another one's turn. Here nothing is moved. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "node/internal.h"

#include <stdlib.h>
#include <time.h>

#define KEY STR("roomd:rebalance")
#define ID_LEN 12

struct turn {
    struct node *node;
    struct admin_call *call;
    char id[ID_LEN + 1]; /* of the one that begins; empty: somebody looks */
};

static struct turn *turn_begin(struct node *node, struct admin_call *call)
{
    if (node->looks >= NODE_LOOKS_MAX) {
        admin_answer_problem(call, PROBLEM_BUSY, "%u requests about the cluster are under way",
                             node->looks);
        return NULL;
    }
    struct turn *turn = xcalloc(1, sizeof(*turn));
    *turn = (struct turn){.node = node, .call = call};
    node->looks++;
    return turn;
}

static void turn_end(struct turn *turn)
{
    turn->node->looks--;
    free(turn);
}

static void on_written(void *ctx, const redisReply *reply)
{
    struct turn *turn = ctx;
    if (!reply || reply->type != REDIS_REPLY_INTEGER) {
        node_answer_no_redis(turn->node, reply, turn->call);
    } else {
        log_info(NULL, "an operator rebalances the cluster", LOG_TEXTZ("id", turn->id));
        admin_answer_rebalance(turn->call, str_of(turn->id));
    }
    turn_end(turn);
}

void node_begin_rebalance(void *ctx, struct admin_call *call)
{
    struct node *node = ctx;
    struct turn *turn = turn_begin(node, call);
    if (!turn) {
        return;
    }
    char since[32];
    struct tm tm;
    time_t now = (time_t)(clock_unix_ms() / 1000);
    gmtime_r(&now, &tm);
    strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", &tm);
    random_name(turn->id, ID_LEN);
    const struct str args[] = {STR("HSET"),      KEY,          STR("id"),
                               str_of(turn->id), STR("node"),  str_of(node->data.node_id),
                               STR("since"),     str_of(since)};
    redis_client_command(node->redis, args, sizeof(args) / sizeof(args[0]), on_written, turn);
}

static void on_read(void *ctx, const redisReply *reply)
{
    struct turn *turn = ctx;
    if (!reply || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_NIL)) {
        node_answer_no_redis(turn->node, reply, turn->call);
    } else {
        bool is = reply->type == REDIS_REPLY_STRING;
        admin_answer_rebalance(turn->call,
                               is ? (struct str){reply->str, reply->len} : (struct str){0});
    }
    turn_end(turn);
}

void node_show_rebalance(void *ctx, struct admin_call *call)
{
    struct node *node = ctx;
    struct turn *turn = turn_begin(node, call);
    if (turn) {
        const struct str args[] = {STR("HGET"), KEY, STR("id")};
        redis_client_command(node->redis, args, sizeof(args) / sizeof(args[0]), on_read, turn);
    }
}
