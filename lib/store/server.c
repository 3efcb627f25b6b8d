/* Reading INFO: lines of `name:value`, ended by CR LF, sections headed by `# Name`. */
#include "store/server.h"

#include <stdio.h>

/* No server's run id is this, so nothing written under it is ever taken for whole (proto/redis.md,
 * "Maybe lost"; deploy/README.md, "Backup"). */
#define UNKNOWN_RUN "unknown"

/* The next line of *text without its end, which is cut off; false at the end. */
static bool next_line(struct str *text, struct str *line)
{
    if (text->len == 0) {
        return false;
    }
    const char *end = memchr(text->ptr, '\n', text->len);
    size_t len = end ? (size_t)(end - text->ptr) : text->len;
    *line = (struct str){text->ptr, len};
    if (len > 0 && line->ptr[len - 1] == '\r') {
        line->len--;
    }
    size_t used = end ? len + 1 : len;
    *text = (struct str){text->ptr + used, text->len - used};
    return true;
}

/* Whether `line` is about `name`; then its value is in *value. */
static bool is_about(struct str line, struct str name, struct str *value)
{
    if (!str_starts(line, name) || line.len <= name.len || line.ptr[name.len] != ':') {
        return false;
    }
    *value = (struct str){line.ptr + name.len + 1, line.len - name.len - 1};
    return true;
}

void server_reset(struct store_server *server)
{
    *server = (struct store_server){.run = UNKNOWN_RUN};
}

static bool is_zeros(struct str text)
{
    return strspn(text.ptr, "0") >= text.len;
}

static void read_version(struct str text, struct store_server *server)
{
    char copy[16];
    unsigned major, minor;
    snprintf(copy, sizeof(copy), "%.*s", STR_ARG(text));
    if (sscanf(copy, "%u.%u", &major, &minor) == 2) {
        server->major = major;
        server->minor = minor;
    }
}

void server_read_info(struct store_server *server, struct str info)
{
    bool is_replica = false;
    bool is_read_only = true;
    bool has_replicas = true;
    bool was_replica = true;
    struct str line;
    while (next_line(&info, &line)) {
        struct str value;
        if (is_about(line, STR("run_id"), &value) && value.len < sizeof(server->run)) {
            snprintf(server->run, sizeof(server->run), "%.*s", STR_ARG(value));
        } else if (is_about(line, STR("role"), &value)) {
            is_replica = str_eq(value, STR("slave"));
        } else if (is_about(line, STR("slave_read_only"), &value)) {
            is_read_only = str_eq(value, STR("1"));
        } else if (is_about(line, STR("connected_slaves"), &value)) {
            has_replicas = !str_eq(value, STR("0"));
        } else if (is_about(line, STR("master_replid2"), &value)) {
            was_replica = !is_zeros(value);
        } else if (is_about(line, STR("aof_enabled"), &value)) {
            server->appends = str_eq(value, STR("1"));
        } else if (is_about(line, STR("loading"), &value)) {
            server->loading = str_eq(value, STR("1"));
        } else if (is_about(line, STR("cluster_enabled"), &value)) {
            server->is_clustered = str_eq(value, STR("1"));
        } else if (is_about(line, STR("redis_version"), &value)) {
            read_version(value, server);
        }
    }
    server->alone = !is_replica && !has_replicas && !was_replica;
    server->is_replica = is_replica;
    server->refuses_writes = is_replica && is_read_only;
}

bool server_promises(const struct store_server *server)
{
    return server->alone && server->appends && server->fsyncs;
}

bool server_may_lack(const struct store_server *server, struct str run)
{
    if (!run.ptr) {
        return false;
    }
    /* Also where a server that keeps all does not know better: who restores a backup writes that.
     */
    return str_eq(run, STR(UNKNOWN_RUN)) ||
           (!server_promises(server) && !str_eq(run, str_of(server->run)));
}
