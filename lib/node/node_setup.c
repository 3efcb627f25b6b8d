/* What a supervisor needs before it can run: the data directory, the ports, the programs. */
#include "node/internal.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/programs.h"
#include "net/listen.h"
#include "node/redis_child.h"
#include "schema/file.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Redis may have to read files of any size; the others have nothing to wait for. */
#define START_LIMIT_MS 30000

void node_give_up(struct node *node, const char *format, ...)
{
    if (node->status == 0) {
        char *why = NULL;
        va_list args;
        va_start(args, format);
        int len = vasprintf(&why, format, args);
        va_end(args);
        if (len >= 0 && node->config->log_format == LOG_JSON) {
            log_error(NULL, "roomd cannot run", LOG_TEXTZ("reason", why));
        } else if (len >= 0) {
            fprintf(stderr, "roomd: %s\n", why);
        }
        free(why);
    }
    node->status = 1;
    node_begin_stop(node);
}

/* Workers read it themselves; but a file that none of them can use is to be known of before
 * anything else begins. */
bool node_check_schema(struct node *node)
{
    const char *path = node->config->schema;
    struct buf text = {0};
    struct buf why = {0};
    struct schema *schema = NULL;
    if (!path) {
        return true;
    }
    enum err err = file_read(path, SCHEMA_FILE_MAX, &text);
    if (err) {
        buf_append_str(&why, str_of(err_name(err)));
    } else if (schema_parse(buf_str(&text), NULL, &schema, &why) != ERR_OK) {
        err = ERR_MALFORMED;
    } else {
        schema_unref(schema);
    }
    if (err) {
        node_give_up(node, "schema file %s: %.*s", path, STR_ARG(buf_str(&why)));
    }
    buf_finish(&why);
    buf_finish(&text);
    return !err;
}

bool node_open_data(struct node *node)
{
    struct buf why = {0};
    bool fine = !datadir_open(node->config->data, &node->data, &why);
    if (!fine) {
        node_give_up(node, "%.*s", STR_ARG(buf_str(&why)));
    } else {
        config_set(node->config, "data", node->data.path);
    }
    buf_finish(&why);
    return fine;
}

static void use_bound(struct config *config, const char *option, const struct address *bound)
{
    char text[ADDRESS_TEXT_MAX];
    config_set(config, option, address_format(bound, text));
}

bool node_open_ports(struct node *node, const struct admin_source *source)
{
    struct config *config = node->config;
    struct buf why = {0};
    struct address bound;
    char text[ADDRESS_TEXT_MAX];
    int admin_fd;
    if (listen_reserve(&config->listen, &node->listen_fd, &bound, &why)) {
        node_give_up(node, "cannot listen on %s: %.*s", address_format(&config->listen, text),
                     STR_ARG(buf_str(&why)));
        goto fail;
    }
    use_bound(config, "listen", &bound);
    if (listen_open(&config->admin, LISTEN_ALONE, &admin_fd, &bound, &why)) {
        node_give_up(node, "cannot listen on %s for operators: %.*s",
                     address_format(&config->admin, text), STR_ARG(buf_str(&why)));
        goto fail;
    }
    use_bound(config, "admin", &bound);
    node->admin =
        admin_create(node->base, admin_fd, (size_t)node->config->max_snapshot_bytes, source, node);
    return true;
fail:
    buf_finish(&why);
    return false;
}

/* ---- children ---- */

static void add_child(struct node *node, const struct child_spec *spec)
{
    node->children = xrealloc(node->children, (node->child_count + 1) * sizeof(struct child *));
    node->children[node->child_count++] =
        child_create(node->base, spec, node->child_handlers, node);
}

static struct child_spec spec_of_ours(const struct node *node, enum metric_role role, uint32_t slot,
                                      const char *program)
{
    return (struct child_spec){.role = role,
                               .slot = slot,
                               .program = program,
                               .env = node->env,
                               .node_id = node->data.node_id,
                               .keep_fd = -1,
                               .start_limit_ms = START_LIMIT_MS};
}

void node_add_worker(struct node *node, uint32_t slot, bool other_socket, enum child_part part)
{
    struct child_spec spec = spec_of_ours(node, ROLE_WORKER, slot, node->programs[NODE_WORKER]);
    char name[32];
    snprintf(name, sizeof(name), "worker-%u%s.sock", slot, other_socket ? "b" : "");
    spec.marked = true;
    spec.args = xcalloc(5, sizeof(*spec.args));
    spec.args[0] = xstrdup("--socket");
    spec.args[1] = datadir_socket(&node->data, name);
    spec.socket = spec.args[1];
    if (node->config->cluster_listen.host[0]) {
        char text[ADDRESS_TEXT_MAX];
        struct address address = node->config->cluster_listen;
        address.port = config_cluster_port(node->config, slot, other_socket);
        spec.args[2] = xstrdup("--link-listen");
        spec.args[3] = xstrdup(address_format(&address, text));
    }
    add_child(node, &spec);
    child_set_part(node->children[node->child_count - 1], part);
}

static bool find_ours(struct node *node, enum metric_role role, char **program)
{
    const char *word = metric_role_name(role);
    *program = program_beside(word);
    if (!*program) {
        node_give_up(node, "roomd-%s is not where roomd is; build or install both", word);
    }
    return *program;
}

static bool add_workers(struct node *node)
{
    bool found = find_ours(node, ROLE_WORKER, &node->programs[NODE_WORKER]);
    for (uint32_t slot = 1; found && slot <= node->config->workers; slot++) {
        node_add_worker(node, slot, false, CHILD_OF_SLOT);
    }
    return found;
}

static bool add_gateways(struct node *node)
{
    char **program = &node->programs[NODE_GATEWAY];
    bool found = find_ours(node, ROLE_GATEWAY, program);
    for (uint32_t slot = 1; found && slot <= node->config->gateways; slot++) {
        struct child_spec spec = spec_of_ours(node, ROLE_GATEWAY, slot, *program);
        add_child(node, &spec);
    }
    return found;
}

static bool add_redis(struct node *node)
{
    char **program = &node->programs[NODE_REDIS];
    *program = program_on_path("redis-server");
    if (!*program) {
        node_give_up(node, "redis-server is not on the PATH; install it or give --redis URL");
        return false;
    }
    struct buf why = {0};
    struct child_spec spec = {
        .role = ROLE_REDIS, .program = *program, .env = node->env, .keep_fd = node->data.lock_fd};
    if (redis_child_args(&node->data, node->config->log_level, &spec.args, &why)) {
        node_give_up(node, "%.*s", STR_ARG(buf_str(&why)));
        buf_finish(&why);
        return false;
    }
    add_child(node, &spec);
    return true;
}

bool node_make_children(struct node *node, const struct child_handlers *children,
                        const struct redis_client_handlers *redis)
{
    bool embedded = !redis_url_is_set(&node->config->redis);
    if (embedded) {
        char *socket = redis_child_socket(&node->data);
        char *url = xasprintf("unix://%s", socket);
        config_set(node->config, "redis", url);
        free(url);
        free(socket);
    }
    node->env = config_env_create(node->config, environ);
    node->child_handlers = children;
    if ((embedded && !add_redis(node)) || !add_workers(node) || !add_gateways(node)) {
        return false;
    }
    node->collector =
        collector_create(node->base, node_show_own, node, node->children, node->child_count);
    node->redis =
        redis_client_create(node->base, &node->config->redis,
                            !embedded && node->config->durability == DURABILITY_LOG, redis, node);
    return true;
}
