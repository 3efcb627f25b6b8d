/* Keys to slots, slots to masters. */
#include "store/slots.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

/* CRC16/XMODEM: polynomial 0x1021, nothing reflected, begun with 0. Four bits a step. */
static uint16_t crc16(struct str bytes)
{
    static const uint16_t table[16] = {
        0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
        0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef,
    };
    unsigned crc = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned byte = (unsigned char)bytes.ptr[i];
        crc = (crc << 4 ^ table[(crc >> 12 ^ byte >> 4) & 15]) & 0xffff;
        crc = (crc << 4 ^ table[(crc >> 12 ^ byte) & 15]) & 0xffff;
    }
    return (uint16_t)crc;
}

uint16_t slot_of(struct str key)
{
    const char *open = key.len ? memchr(key.ptr, '{', key.len) : NULL;
    if (open) {
        size_t left = key.len - (size_t)(open + 1 - key.ptr);
        const char *close = memchr(open + 1, '}', left);
        if (close && close > open + 1) {
            key = (struct str){open + 1, (size_t)(close - open - 1)};
        }
    }
    return crc16(key) % SLOTS;
}

/* [first, last, [host, port, ...], replicas...] */
static bool read_range(const redisReply *reply, const struct address *asked, struct slot_range *out)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3) {
        return false;
    }
    const redisReply *first = reply->element[0], *last = reply->element[1];
    const redisReply *master = reply->element[2];
    if (first->type != REDIS_REPLY_INTEGER || last->type != REDIS_REPLY_INTEGER ||
        first->integer < 0 || first->integer > last->integer || last->integer >= SLOTS ||
        master->type != REDIS_REPLY_ARRAY || master->elements < 2 ||
        master->element[1]->type != REDIS_REPLY_INTEGER || master->element[1]->integer <= 0 ||
        master->element[1]->integer > UINT16_MAX) {
        return false;
    }
    *out = (struct slot_range){(uint16_t)first->integer, (uint16_t)last->integer, {.port = 0}};
    const redisReply *host = master->element[0];
    bool known = host->type == REDIS_REPLY_STRING && host->len > 0 && strcmp(host->str, "?") != 0;
    snprintf(out->master.host, sizeof(out->master.host), "%s", known ? host->str : asked->host);
    out->master.port = (uint16_t)master->element[1]->integer;
    return true;
}

struct slot_range *slots_read(const redisReply *reply, const struct address *asked, size_t *count)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        return NULL;
    }
    struct slot_range *ranges = xcalloc(reply->elements, sizeof(*ranges));
    for (size_t i = 0; i < reply->elements; i++) {
        if (!read_range(reply->element[i], asked, &ranges[i])) {
            free(ranges);
            return NULL;
        }
    }
    *count = reply->elements;
    return ranges;
}
