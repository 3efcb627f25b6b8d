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

static uint64_t count_unanswered(const struct load *load)
{
    uint64_t count = 0;
    for (size_t i = 0; i < load->client_count; i++) {
        count += load->clients[i].said - load->clients[i].heard;
    }
    return count;
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
    add(&out, "unanswered", count_unanswered(load));
    add(&out, "closed", load->closed);
    add(&out, "close_code", load->close_code);
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
