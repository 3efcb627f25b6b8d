/* Figures as JSON. */
#include "report.h"
#include "say.h"

#include <inttypes.h>
#include <stdio.h>

void report_event(const char *name, const struct load *load)
{
    printf("{\"event\":\"%s\",\"clients\":%zu}\n", name, load->in_state[CLIENT_READY]);
    fflush(stdout);
}

void report_recovery(const struct load *load)
{
    printf("{\"event\":\"recovered\",\"us\":%" PRIu64 "}\n", load->now_us - load->outage_us);
    fflush(stdout);
}

static void add(struct buf *out, const char *name, uint64_t number)
{
    buf_printf(out, ",\"%s\":%" PRIu64, name, number);
}

static void add_histogram(struct buf *out, const char *name, const struct histogram *histogram)
{
    buf_printf(out, ",\"%s\":", name);
    histogram_write(histogram, out);
}

/* Bytes of one shape more in a message: what it takes without any server. */
static uint64_t shape_bytes(enum encoding encoding)
{
    struct buf one = {0};
    struct buf two = {0};
    say_shapes(encoding, 0, "shape:f", 1000, 1, &one);
    say_shapes(encoding, 0, "shape:f", 1000, 2, &two);
    uint64_t bytes = buf_len(&two) - buf_len(&one);
    buf_finish(&one);
    buf_finish(&two);
    return bytes;
}

/* Of those that are connected. */
static uint64_t count_unanswered(const struct load *load, bool shapes_only)
{
    uint64_t count = 0;
    for (size_t i = 0; i < load->client_count; i++) {
        const struct client *client = &load->clients[i];
        count += client->moves_shape || !shapes_only ? client->said - client->heard : 0;
    }
    return count;
}

/* {"1013": 5, ...} */
static void add_closes(struct buf *out, const struct load *load)
{
    buf_printf(out, ",\"closes\":{");
    for (int i = 0; i < CLOSE_CODES && load->closes[i].count > 0; i++) {
        buf_printf(out, "%s\"%u\":%" PRIu64, i > 0 ? "," : "", load->closes[i].code,
                   load->closes[i].count);
    }
    buf_printf(out, "}");
}

void report_result(const struct load *load, const struct stats *stats, const struct window *window)
{
    struct buf out = {0};
    buf_printf(&out, "{\"event\":\"result\",\"seconds\":%.6f", (double)window->us / 1e6);
    buf_printf(&out, ",\"cpu_seconds\":%.6f", (double)window->cpu_us / 1e6);
    add(&out, "sent", stats->sent);
    add(&out, "acked", stats->acked);
    add(&out, "offered", stats->offered);
    add(&out, "delivered", stats->delivered);
    add(&out, "frames", stats->frames);
    add(&out, "bytes", stats->bytes);
    add(&out, "commits", stats->commits);
    add(&out, "wrong", stats->wrong);
    add(&out, "shapes_sent", stats->shapes_sent);
    add(&out, "unanswered", count_unanswered(load, false));
    add(&out, "shapes_unanswered", count_unanswered(load, true));
    add(&out, "audited", load->audited);
    add(&out, "missing", load->missing);
    add(&out, "closed", load->closed);
    add_closes(&out, load);
    add(&out, "again", load->again);
    add(&out, "join_bytes", stats->join_bytes);
    add(&out, "shape_json", shape_bytes(ENCODING_JSON));
    add(&out, "shape_msgpack", shape_bytes(ENCODING_MSGPACK));
    add_histogram(&out, "result", &stats->result);
    add_histogram(&out, "delivery", &stats->delivery);
    add_histogram(&out, "lateness", &stats->lateness);
    add_histogram(&out, "join", &stats->join);
    add_histogram(&out, "join_round", &stats->join_round);
    buf_printf(&out, ",\"failure\":\"%s\"}", load->failure);
    printf("%.*s\n", STR_ARG(buf_str(&out)));
    buf_finish(&out);
}
