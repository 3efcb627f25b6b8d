/* bench_counts SCHEMA PART TIMES
 * bench_counts --list
 *
 * Does one part TIMES times its own number of times. By --list each part's name, that number, and
 * what it is, a line each. */
#include "counting.h"
#include "schema/file.h"

#include <stdio.h>
#include <stdlib.h>

static const char *schema_path;
static const struct part *const groups[] = {codec_parts, room_parts, edge_parts};
enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

void must(bool right, const char *what)
{
    if (!right) {
        fprintf(stderr, "bench_counts: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

struct schema *counting_schema(void)
{
    enum { STEP = 65536 };
    struct buf text = {0};
    struct buf why = {0};
    struct schema *schema;
    size_t got;
    FILE *file = fopen(schema_path, "rb");
    must(file != NULL, "no schema file");
    do {
        got = fread(buf_reserve(&text, STEP), 1, STEP, file);
        buf_commit(&text, got);
    } while (got > 0);
    fclose(file);
    must(schema_parse(buf_str(&text), NULL, &schema, &why) == ERR_OK, "not a schema file");
    buf_finish(&text);
    buf_finish(&why);
    return schema;
}

static int list(void)
{
    for (int i = 0; i < GROUPS; i++) {
        for (const struct part *part = groups[i]; part->name; part++) {
            printf("%s\t%llu\t%s\n", part->name, (unsigned long long)part->count, part->about);
        }
    }
    return EXIT_SUCCESS;
}

static const struct part *find(const char *name)
{
    for (int i = 0; i < GROUPS; i++) {
        for (const struct part *part = groups[i]; part->name; part++) {
            if (strcmp(part->name, name) == 0) {
                return part;
            }
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        return list();
    }
    const struct part *part = argc == 4 ? find(argv[2]) : NULL;
    uint64_t times = part ? strtoull(argv[3], NULL, 10) : 0;
    if (times == 0) {
        fprintf(stderr, "usage: bench_counts SCHEMA PART TIMES | bench_counts --list\n");
        return 2;
    }
    schema_path = argv[1];
    part->run(part->count * times);
    return EXIT_SUCCESS;
}
