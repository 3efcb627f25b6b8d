/* What operators hand in. */
#include "roomctl/source.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static void makes(bool (*source)(struct str, struct buf *, struct buf *), const char *text,
                  const char *want)
{
    struct buf out = {0};
    struct buf why = {0};
    cr_assert(source(str_of(text), &out, &why), "%s: %.*s", text, STR_ARG(buf_str(&why)));
    cr_assert(str_eq(buf_str(&out), str_of(want)), "%.*s", STR_ARG(buf_str(&out)));
    buf_finish(&out);
    buf_finish(&why);
}

static void refuses(bool (*source)(struct str, struct buf *, struct buf *), const char *text,
                    const char *want)
{
    struct buf out = {0};
    struct buf why = {0};
    cr_assert(not(source(str_of(text), &out, &why)), "%s", text);
    cr_assert(memmem(buf_head(&why), buf_len(&why), want, strlen(want)) != NULL, "%.*s",
              STR_ARG(buf_str(&why)));
    buf_finish(&out);
    buf_finish(&why);
}

#define TLDR(records)                                                                              \
    "{\"tldrawFileFormatVersion\":1,\"schema\":{\"v\":2},\"records\":[" records "]}"

Test(source, takes_snapshots_in_all_their_forms)
{
    makes(source_snapshot, "{\"documents\": []}", "{\"documents\": []}");
    makes(source_snapshot, "{\"store\":{}, \"schema\":1}", "{\"store\":{}, \"schema\":1}");
    makes(source_snapshot, TLDR(""), "{\"schema\":{\"v\":2},\"store\":{}}");
    makes(source_snapshot,
          TLDR("{\"id\":\"camera:a\",\"typeName\":\"camera\"},{\"id\":\"a\",\"typeName\":\"page\"},"
               "{\"typeName\":\"shape\",\"id\":\"b\"}"),
          "{\"schema\":{\"v\":2},\"store\":{\"a\":{\"id\":\"a\",\"typeName\":\"page\"},"
          "\"b\":{\"typeName\":\"shape\",\"id\":\"b\"}}}");
}

Test(source, says_what_is_none)
{
    refuses(source_snapshot, "", "no JSON");
    refuses(source_snapshot, "{\"a\":}", "malformed at byte 5");
    refuses(source_snapshot, "[]", "neither a room snapshot");
    refuses(source_snapshot, "{\"tldrawFileFormatVersion\":2}", "not known");
    refuses(source_snapshot, TLDR("{\"id\":1}"), "no record");
    refuses(source_puts, "{", "no JSON");
}

Test(source, puts_one_record_or_many)
{
    makes(source_puts, "{\"id\":\"a\"}", "{\"puts\":[{\"id\":\"a\"}]}");
    makes(source_puts, " [ 1,2 ] ", "{\"puts\": [ 1,2 ] }");
}
