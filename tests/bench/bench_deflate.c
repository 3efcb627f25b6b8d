/* What permessage-deflate (RFC 7692) would save and cost if a message were compressed once, without
 * context takeover, for all who receive the same bytes: a batch of cursors' moves, and a join of
 * 10,000 shapes, in JSON; beside what it costs to send the one and the other on loopback.
 *
 *     bench_deflate
 *
 * Figures are CPU time of the fastest of ten turns. */
#include "base/buf.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { TURNS = 10, SHAPES = 10000, PIECE = 64 << 10 };

static void must(bool right, const char *what)
{
    if (!right) {
        fprintf(stderr, "bench_deflate: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* ---- what is sent ---- */

static unsigned chance(void)
{
    static unsigned state = 1;
    state = state * 1103515245 + 12345;
    return state >> 8;
}

/* One move of one of 20 cursors, as others are told. */
static void write_move(struct buf *out, unsigned who, unsigned clock)
{
    buf_printf(
        out,
        "{\"type\":\"patch\",\"diff\":{\"instance_presence:V1StGXR8Z5jdHi6Bmyt%02u\":[\"patch\","
        "{\"lastActivityTimestamp\":[\"put\",17600000%05u],\"cursor\":[\"put\",{\"x\":%u.%05u,"
        "\"y\":-%u.%05u,\"type\":\"default\",\"rotation\":0}]}]},\"serverClock\":%u}",
        who, chance() % 100000, chance() % 2000, chance() % 100000, chance() % 2000,
        chance() % 100000, 4711 + clock);
}

static void write_batch(struct buf *out, unsigned moves)
{
    buf_printf(out, "{\"type\":\"data\",\"data\":[");
    for (unsigned i = 0; i < moves; i++) {
        buf_printf(out, i ? "," : "");
        write_move(out, i, i);
    }
    buf_printf(out, "]}");
}

static void write_join(struct buf *out)
{
    buf_printf(out, "{\"type\":\"connect\",\"hydrationType\":\"wipe_all\",\"diff\":{");
    for (unsigned i = 0; i < SHAPES; i++) {
        unsigned id = chance();
        buf_printf(
            out,
            "%s\"shape:%08x%04u\":[\"put\",{\"id\":\"shape:%08x%04u\",\"typeName\":\"shape\","
            "\"type\":\"geo\",\"x\":%u.%u,\"y\":-%u.%u,\"rotation\":0,\"index\":\"a%04u\","
            "\"parentId\":\"page:page\",\"isLocked\":false,\"opacity\":1,\"props\":{\"geo\":"
            "\"rectangle\",\"dash\":\"draw\",\"url\":\"\",\"w\":%u,\"h\":%u,\"growY\":0,\"scale\":"
            "1,"
            "\"flipX\":false,\"flipY\":false,\"labelColor\":\"black\",\"color\":\"blue\",\"fill\":"
            "\"none\",\"size\":\"m\",\"font\":\"draw\",\"align\":\"middle\",\"verticalAlign\":"
            "\"middle\",\"richText\":{\"type\":\"doc\",\"content\":[{\"type\":\"paragraph\"}]}},"
            "\"meta\":{}}]",
            i ? "," : "", id, i, id, i, chance() % 5000, chance() % 10000, chance() % 5000,
            chance() % 10000, i, chance() % 900, chance() % 900);
    }
    buf_printf(out, "}}");
}

/* ---- compressing and sending ---- */

/* A message of RFC 7692 7.2.1, without context: bytes of it. */
static size_t compress_into(z_stream *stream, struct buf *in, size_t at, size_t len, uint8_t *out,
                            size_t room)
{
    deflateReset(stream);
    stream->next_in = (Bytef *)buf_head(in) + at;
    stream->avail_in = (uInt)len;
    stream->next_out = out;
    stream->avail_out = (uInt)room;
    must(deflate(stream, Z_SYNC_FLUSH) == Z_OK && stream->avail_in == 0, "deflate");
    return room - stream->avail_out - 4; /* without the tail 00 00 ff ff */
}

/* Microseconds of taking a message in that was compressed so. */
static double inflate_us(const uint8_t *data, size_t len, size_t plain, unsigned times)
{
    uint8_t *out = malloc(plain + 1);
    z_stream stream = {0};
    must(out && inflateInit2(&stream, -15) == Z_OK, "inflateInit2");
    double best = 1e18;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        double begun = cpu_us();
        for (unsigned i = 0; i < times; i++) {
            inflateReset(&stream);
            stream.next_in = (Bytef *)(uintptr_t)data;
            stream.avail_in = (uInt)len;
            stream.next_out = out;
            stream.avail_out = (uInt)plain + 1;
            int result = inflate(&stream, Z_SYNC_FLUSH);
            must((result == Z_OK || result == Z_BUF_ERROR) && stream.total_out == plain, "inflate");
        }
        double each = (cpu_us() - begun) / times;
        best = each < best ? each : best;
    }
    inflateEnd(&stream);
    free(out);
    return best;
}

/* Two ends of a connection over TCP. */
static void make_pair(int ends[2])
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(any);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(listener, (struct sockaddr *)&any, len) == 0 && listen(listener, 1) == 0 &&
             getsockname(listener, (struct sockaddr *)&any, &len) == 0,
         "listen");
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(ends[0], (struct sockaddr *)&any, len) == 0, "connect");
    ends[1] = accept(listener, NULL, NULL);
    close(listener);
}

/* Microseconds of the sends alone, in pieces as a gateway sends them; it is read in between. */
static double send_us(const int ends[2], const uint8_t *data, size_t len, unsigned times)
{
    static uint8_t sink[PIECE];
    double best = 1e18;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        double spent = 0;
        for (unsigned i = 0; i < times; i++) {
            for (size_t at = 0; at < len;) {
                size_t piece = len - at < PIECE ? len - at : PIECE;
                double begun = cpu_us();
                must(send(ends[0], data + at, piece, 0) == (ssize_t)piece, "send");
                spent += cpu_us() - begun;
                at += piece;
                for (size_t got = 0; got < piece;) {
                    ssize_t n = recv(ends[1], sink, sizeof(sink), 0);
                    must(n > 0, "recv");
                    got += (size_t)n;
                }
            }
        }
        best = spent / times < best ? spent / times : best;
    }
    return best;
}

/* `parts`: as one message; or each of so many equal parts by itself, as is done if receivers get
 * different ones of them. */
static void measure(const char *name, struct buf *plain, unsigned parts, int level, unsigned times,
                    const int ends[2])
{
    size_t room = compressBound((uLong)buf_len(plain)) + 64 * (size_t)parts;
    uint8_t *out = malloc(room);
    z_stream stream = {0};
    must(out && deflateInit2(&stream, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK,
         "deflateInit2");
    size_t part = buf_len(plain) / parts;
    size_t len = 0;
    double best = 1e18;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        double begun = cpu_us();
        for (unsigned i = 0; i < times; i++) {
            len = 0;
            for (unsigned p = 0; p < parts; p++) {
                len += compress_into(&stream, plain, p * part, part, out + len, room - len) +
                       (parts > 1 ? 4 : 0);
            }
        }
        double each = (cpu_us() - begun) / times;
        best = each < best ? each : best;
    }
    double full = send_us(ends, buf_head(plain), buf_len(plain), times);
    double small = send_us(ends, out, len, times);
    printf("%-34s %9zu %9zu %5.1f %% %10.1f %10.1f %10.1f %10.1f\n", name, buf_len(plain), len,
           100.0 * (double)len / (double)buf_len(plain), best, full, small,
           parts > 1 ? 0 : inflate_us(out, len, buf_len(plain), times));
    deflateEnd(&stream);
    free(out);
}

int main(void)
{
    int ends[2];
    make_pair(ends);
    printf("%-34s %9s %9s %7s %10s %10s %10s %10s\n", "", "bytes", "deflated", "", "deflate us",
           "send us", "sent small", "inflate us");
    static const unsigned batches[] = {1, 10, 15, 20};
    for (unsigned i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
        struct buf batch = {0};
        char name[64];
        write_batch(&batch, batches[i]);
        for (int level = 1; level <= 6; level += 5) {
            snprintf(name, sizeof(name), "%u moves, level %d", batches[i], level);
            measure(name, &batch, 1, level, 500, ends);
        }
        snprintf(name, sizeof(name), "%u moves, each by itself, level 1", batches[i]);
        if (batches[i] > 1) {
            measure(name, &batch, batches[i], 1, 500, ends);
        }
        buf_finish(&batch);
    }
    struct buf join = {0};
    write_join(&join);
    measure("join, 10,000 shapes, level 1", &join, 1, 1, 1, ends);
    measure("join, 10,000 shapes, level 6", &join, 1, 6, 1, ends);
    buf_finish(&join);
    close(ends[0]);
    close(ends[1]);
    return 0;
}
