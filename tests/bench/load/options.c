/* Options of bench_load. */
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: bench_load --port N --schema FILE [option]...\n"
    "\n"
    "Clients of a sync server move their cursors in rooms; what comes of it is the last line, "
    "JSON.\n"
    "\n"
    "  --schema FILE       serialized schema that clients have, JSON\n"
    "  --port N            more than once: clients go round them\n"
    "  --host ADDR         (127.0.0.1)\n"
    "  --prefix NAME       of rooms and sessions (bench); without an x\n"
    "  --rooms N           (1)\n"
    "  --clients N         of each room (10)\n"
    "  --rate N            pushes per second of each client; 0: none (10)\n"
    "  --shapes            moves shapes, not cursors\n"
    "  --shape-clients N   clients of each room that do, while the others move cursors (0)\n"
    "  --audit             look at the end whether rooms have what was acknowledged\n"
    "  --msgpack           speaks msgpack, not JSON\n"
    "  --warm S            seconds before what is measured (2)\n"
    "  --seconds S         that are measured (5)\n"
    "  --drain S           at most, for the last results (2)\n"
    "  --readers N         more clients of each room, which only receive (0)\n"
    "  --reader-bytes N    per second that each of them reads; 0: all at once (0)\n"
    "  --prefill N         shapes in each room before it begins (0)\n"
    "  --joins N           clients that join a room of their own together (0)\n"
    "  --join-rounds N     times that they do (1)\n"
    "  --join-gap S        between that (0.2)\n"
    "  --join-prefill N    shapes in that room (0)\n"
    "  --leave             clients leave when they are connected\n"
    "  --connecting N      handshakes at a time (100)\n"
    "  --floor             the server is bench_floor, which answers no push\n"
    "  --check             parse everything that comes\n"
    "\n"
    "SIGUSR1: there is an outage. All movers push at once, and {\"event\": \"recovered\"} comes "
    "when "
    "each\nhas had an answer to what it pushed after that.\n";

enum kind { FLAG, NUMBER, REAL, TEXT };

static const struct row {
    const char *name;
    enum kind kind;
    size_t offset; /* in struct options */
} rows[] = {
    {"prefix", TEXT, offsetof(struct options, prefix)},
    {"rooms", NUMBER, offsetof(struct options, rooms)},
    {"clients", NUMBER, offsetof(struct options, clients)},
    {"rate", REAL, offsetof(struct options, rate)},
    {"shapes", FLAG, offsetof(struct options, shapes)},
    {"shape-clients", NUMBER, offsetof(struct options, shape_clients)},
    {"audit", FLAG, offsetof(struct options, audit)},
    {"drain", REAL, offsetof(struct options, drain)},
    {"warm", REAL, offsetof(struct options, warm)},
    {"seconds", REAL, offsetof(struct options, seconds)},
    {"readers", NUMBER, offsetof(struct options, readers)},
    {"reader-bytes", NUMBER, offsetof(struct options, reader_bytes)},
    {"prefill", NUMBER, offsetof(struct options, prefill)},
    {"joins", NUMBER, offsetof(struct options, joins)},
    {"join-rounds", NUMBER, offsetof(struct options, join_rounds)},
    {"join-gap", REAL, offsetof(struct options, join_gap)},
    {"join-prefill", NUMBER, offsetof(struct options, join_prefill)},
    {"leave", FLAG, offsetof(struct options, leave)},
    {"connecting", NUMBER, offsetof(struct options, connecting)},
    {"floor", FLAG, offsetof(struct options, floor)},
    {"check", FLAG, offsetof(struct options, check)},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]), PORT = ROWS, HOST, SCHEMA, MSGPACK, HELP, OPTIONS };

static bool read_number(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

static bool read_real(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return *text >= '0' && *text <= '9' && *end == '\0' && *out < 1e6;
}

static bool read_row(const struct row *row, const char *text, struct options *out)
{
    void *field = (char *)out + row->offset;
    switch (row->kind) {
    case FLAG:
        *(bool *)field = true;
        return true;
    case NUMBER:
        return read_number(text, field);
    case REAL:
        return read_real(text, field);
    case TEXT:
        *(const char **)field = text;
        return true;
    }
    return false;
}

static bool read_file(const char *path, struct buf *out)
{
    enum { STEP = 65536 };
    size_t got;
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return false;
    }
    do {
        got = fread(buf_reserve(out, STEP), 1, STEP, file);
        buf_commit(out, got);
    } while (got > 0);
    fclose(file);
    return true;
}

static bool read_port(const char *text, struct options *out)
{
    uint64_t number;
    bool right = out->port_count < PORTS_MAX && read_number(text, &number) && number > 0 &&
                 number <= UINT16_MAX;
    if (right) {
        out->ports[out->port_count++] = (uint16_t)number;
    }
    return right;
}

static bool read_host(const char *text, uint32_t *out)
{
    struct in_addr address;
    bool right = inet_pton(AF_INET, text, &address) == 1;
    *out = right ? ntohl(address.s_addr) : 0;
    return right;
}

static bool read_one(int got, const char *text, struct options *out)
{
    switch (got) {
    case PORT:
        return read_port(text, out);
    case HOST:
        return read_host(text, &out->host);
    case SCHEMA:
        return read_file(text, &out->schema);
    case MSGPACK:
        out->encoding = ENCODING_MSGPACK;
        return true;
    case HELP:
        fputs(usage, stdout);
        exit(EXIT_SUCCESS);
    default:
        return got >= 0 && got < ROWS && read_row(&rows[got], text, out);
    }
}

static void fill_table(struct option table[OPTIONS + 1])
{
    static const struct option others[] = {
        {"port", required_argument, NULL, PORT},     {"host", required_argument, NULL, HOST},
        {"schema", required_argument, NULL, SCHEMA}, {"msgpack", no_argument, NULL, MSGPACK},
        {"help", no_argument, NULL, HELP},
    };
    for (int i = 0; i < ROWS; i++) {
        int argument = rows[i].kind == FLAG ? no_argument : required_argument;
        table[i] = (struct option){rows[i].name, argument, NULL, i};
    }
    memcpy(table + ROWS, others, sizeof(others));
    table[OPTIONS] = (struct option){0};
}

bool options_read(int argc, char **argv, struct options *out)
{
    *out = (struct options){.host = INADDR_LOOPBACK,
                            .prefix = "bench",
                            .rooms = 1,
                            .clients = 10,
                            .rate = 10,
                            .join_rounds = 1,
                            .join_gap = 0.2,
                            .warm = 2,
                            .seconds = 5,
                            .drain = 2,
                            .connecting = 100};
    struct option table[OPTIONS + 1];
    bool right = true;
    int got;
    fill_table(table);
    while (right && (got = getopt_long(argc, argv, "", table, NULL)) >= 0) {
        right = got != '?' && read_one(got, optarg, out);
    }
    right = right && optind == argc && out->port_count > 0 && buf_len(&out->schema) > 0 &&
            out->rooms > 0 && out->connecting > 0 && strlen(out->prefix) <= 24 &&
            !strchr(out->prefix, 'x');
    if (!right) {
        fputs(usage, stderr);
    }
    return right;
}
