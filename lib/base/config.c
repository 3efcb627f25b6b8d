/* Flags, environment and file into one struct config. Knows no option by name but --config. */
#include "base/config.h"

#include "base/alloc.h"
#include "base/config_option.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ENV_PREFIX STR("ROOMD_")
#define FILE_MAX (1024 * 1024)

struct loading {
    struct config *config;
    enum config_role role;
    const char *program;
    struct buf *text; /* the one line about what is wrong */
};

static const char *program_name(enum config_role role)
{
    return role == CONFIG_ROOMD     ? "roomd"
           : role == CONFIG_GATEWAY ? "roomd-gateway"
                                    : "roomd-worker";
}

/* How an option is written in the source at hand: "--x", "ROOMD_X" or "x". */
enum spelling { SPELL_FLAG, SPELL_VARIABLE, SPELL_KEY };

static void append_spelled(const struct config_option *option, enum spelling spelling,
                           struct buf *out)
{
    char *variable = config_option_variable(option);
    buf_printf(out, "%s%s", spelling == SPELL_FLAG ? "--" : "",
               spelling == SPELL_VARIABLE ? variable : option->name);
    free(variable);
}

static bool option_is_known(const struct loading *loading, const struct config_option *option,
                            enum spelling spelling)
{
    if (!(option->roles & loading->role)) {
        return false;
    }
    /* A file that names a file would be a chain, and which one wins a riddle. */
    bool is_config = option->offset == offsetof(struct config, file);
    return spelling == SPELL_FLAG || (!option->flag_only && !(is_config && spelling == SPELL_KEY));
}

/* `where` is what precedes the name: nothing, or file and line. */
static enum err say_unknown(struct loading *loading, const char *where, struct str name,
                            enum spelling spelling)
{
    buf_printf(loading->text, "%s: %sunknown %s %.*s; allowed are", loading->program, where,
               spelling == SPELL_FLAG       ? "option"
               : spelling == SPELL_VARIABLE ? "variable"
                                            : "key",
               STR_ARG(name));
    for (size_t i = 0; i < config_option_count; i++) {
        if (option_is_known(loading, &config_options[i], spelling)) {
            buf_append_byte(loading->text, ' ');
            append_spelled(&config_options[i], spelling, loading->text);
        }
    }
    buf_append_str(loading->text, spelling == SPELL_FLAG ? STR(" --help --version\n") : STR("\n"));
    return ERR_USAGE;
}

static enum err say_bad(struct loading *loading, const char *where,
                        const struct config_option *option, struct str value,
                        enum spelling spelling)
{
    buf_printf(loading->text, "%s: %s", loading->program, where);
    append_spelled(option, spelling, loading->text);
    if (option->kind == CONFIG_KIND_REDIS) {
        buf_printf(loading->text, ": not a Redis URL: "); /* the value may hold a password */
        struct redis_url url;
        if (!redis_url_parse(value, &url, loading->text)) {
            redis_url_finish(&url);
        }
    } else {
        buf_printf(loading->text, ": bad value \"%.*s\"", STR_ARG(value));
    }
    buf_printf(loading->text, "; allowed is ");
    config_option_allowed(option, loading->text);
    buf_append_byte(loading->text, '\n');
    return ERR_USAGE;
}

static enum err apply(struct loading *loading, size_t index, struct str value, const char *where,
                      enum spelling spelling)
{
    const struct config_option *option = &config_options[index];
    if (config_option_read(option, value, loading->config)) {
        return say_bad(loading, where, option, value, spelling);
    }
    free(loading->config->text[index]);
    loading->config->text[index] = xstrndup(value.ptr, value.len);
    return ERR_OK;
}

/* ---- defaults ---- */

static enum err apply_defaults(struct loading *loading, char *const *env)
{
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *option = &config_options[i];
        char *found = option->offset == offsetof(struct config, data) ? config_default_data(env)
                      : option->offset == offsetof(struct config, workers)
                          ? config_default_workers()
                          : NULL;
        const char *value = found ? found : option->fallback;
        enum err err = value ? apply(loading, i, str_of(value), "", SPELL_FLAG) : ERR_OK;
        free(found);
        assert(!err);
    }
    return ERR_OK;
}

/* ---- file ---- */

static struct str trim(struct str text)
{
    while (text.len > 0 && strchr(" \t\r", text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && strchr(" \t\r", text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

static enum err apply_line(struct loading *loading, struct str line, const char *where,
                           bool seen[CONFIG_OPTIONS_MAX])
{
    line = trim(line);
    if (line.len == 0 || line.ptr[0] == '#') {
        return ERR_OK;
    }
    const char *equals = memchr(line.ptr, '=', line.len);
    if (!equals) {
        buf_printf(loading->text, "%s: %snot of the form `option = value`\n", loading->program,
                   where);
        return ERR_USAGE;
    }
    struct str key = trim((struct str){line.ptr, (size_t)(equals - line.ptr)});
    struct str value = trim((struct str){equals + 1, line.len - (size_t)(equals - line.ptr) - 1});
    int index = config_option_find(loading->role, key);
    if (index < 0 || !option_is_known(loading, &config_options[index], SPELL_KEY)) {
        return say_unknown(loading, where, key, SPELL_KEY);
    }
    if (seen[index]) {
        buf_printf(loading->text, "%s: %s%.*s is given twice\n", loading->program, where,
                   STR_ARG(key));
        return ERR_USAGE;
    }
    seen[index] = true;
    return apply(loading, (size_t)index, value, where, SPELL_KEY);
}

static enum err read_file(struct loading *loading, const char *path, struct buf *out)
{
    FILE *file = fopen(path, "re");
    size_t got = 0;
    while (file && buf_len(out) <= FILE_MAX &&
           (got = fread(buf_reserve(out, 4096), 1, 4096, file)) > 0) {
        buf_commit(out, got);
    }
    const char *trouble = !file || ferror(file)     ? strerror(errno)
                          : buf_len(out) > FILE_MAX ? "too large for a configuration file"
                                                    : NULL;
    if (file) {
        fclose(file);
    }
    if (trouble) {
        buf_printf(loading->text, "%s: cannot read the configuration file %s: %s\n",
                   loading->program, path, trouble);
        return ERR_USAGE;
    }
    return ERR_OK;
}

static enum err apply_file(struct loading *loading, const char *path)
{
    struct buf content = {0};
    enum err err = read_file(loading, path, &content);
    bool seen[CONFIG_OPTIONS_MAX] = {false};
    struct str rest = buf_str(&content);
    for (unsigned number = 1; !err && rest.len > 0; number++) {
        const char *newline = memchr(rest.ptr, '\n', rest.len);
        size_t len = newline ? (size_t)(newline - rest.ptr) : rest.len;
        char *where = xasprintf("%s:%u: ", path, number);
        err = apply_line(loading, (struct str){rest.ptr, len}, where, seen);
        free(where);
        size_t step = len + (newline ? 1 : 0);
        rest = (struct str){rest.ptr + step, rest.len - step};
    }
    buf_finish(&content);
    return err;
}

/* ---- environment ---- */

/* Kubernetes gives every container such variables for each service, and one may be called roomd:
 * ROOMD_SERVICE_HOST=10.0.0.1, ROOMD_PORT=tcp://10.0.0.1:80, ROOMD_PORT_80_TCP_PROTO=tcp. */
static bool is_service_link(struct str name, struct str value)
{
    return str_starts(name, STR("ROOMD_SERVICE_")) || str_starts(name, STR("ROOMD_PORT_")) ||
           (str_eq(name, STR("ROOMD_PORT")) && str_starts(value, STR("tcp://")));
}

static int find_variable(const struct loading *loading, struct str name)
{
    for (size_t i = 0; i < config_option_count; i++) {
        char *variable = config_option_variable(&config_options[i]);
        bool same = str_eq(name, str_of(variable));
        free(variable);
        if (same && option_is_known(loading, &config_options[i], SPELL_VARIABLE)) {
            return (int)i;
        }
    }
    return -1;
}

static enum err apply_env(struct loading *loading, char *const *env)
{
    for (; *env; env++) {
        struct str entry = str_of(*env);
        const char *equals = strchr(*env, '=');
        if (!str_starts(entry, ENV_PREFIX) || !equals) {
            continue;
        }
        struct str name = {entry.ptr, (size_t)(equals - *env)};
        struct str value = str_of(equals + 1);
        if (is_service_link(name, value)) {
            continue;
        }
        int index = find_variable(loading, name);
        if (index < 0) {
            return say_unknown(loading, "", name, SPELL_VARIABLE);
        }
        /* Empty is how a compose file says "not set". */
        enum err err =
            value.len ? apply(loading, (size_t)index, value, "", SPELL_VARIABLE) : ERR_OK;
        if (err) {
            return err;
        }
    }
    return ERR_OK;
}

/* ---- flags ---- */

struct flag {
    size_t index;
    struct str value;
};

enum flags_found { FLAGS_OK, FLAGS_HELP, FLAGS_VERSION, FLAGS_BAD };

/* Reads `--x V` and `--x=V` into `flags`, which has room for argc; says how many in *count. */
static enum flags_found split_flags(struct loading *loading, int argc, char *const *argv,
                                    struct flag *flags, size_t *count)
{
    for (int i = 1; i < argc; i++) {
        struct str arg = str_of(argv[i]);
        if (str_eq(arg, STR("--help")) || str_eq(arg, STR("-h"))) {
            return FLAGS_HELP;
        }
        if (str_eq(arg, STR("--version"))) {
            return FLAGS_VERSION;
        }
        const char *equals = strchr(argv[i], '=');
        struct str name = {arg.ptr, equals ? (size_t)(equals - arg.ptr) : arg.len};
        int index =
            str_starts(name, STR("--"))
                ? config_option_find(loading->role, (struct str){name.ptr + 2, name.len - 2})
                : -1;
        if (index < 0 && !str_starts(name, STR("-"))) {
            buf_printf(loading->text, "%s: unexpected argument \"%s\"; try %s --help\n",
                       loading->program, argv[i], loading->program);
            return FLAGS_BAD;
        }
        if (index < 0) {
            say_unknown(loading, "", name, SPELL_FLAG);
            return FLAGS_BAD;
        }
        if (!equals && i + 1 == argc) {
            buf_printf(loading->text, "%s: %s needs a value: ", loading->program, argv[i]);
            config_option_allowed(&config_options[index], loading->text);
            buf_append_byte(loading->text, '\n');
            return FLAGS_BAD;
        }
        struct str value = str_of(equals ? equals + 1 : argv[++i]);
        flags[(*count)++] = (struct flag){(size_t)index, value};
    }
    return FLAGS_OK;
}

static void append_help(const struct loading *loading)
{
    buf_printf(
        loading->text,
        "%s %s: collaborative rooms over tldraw's sync protocol\n\nUsage: %s [OPTION]...\n\n",
        loading->program, ROOMD_VERSION, loading->program);
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *option = &config_options[i];
        if (!(option->roles & loading->role)) {
            continue;
        }
        char *left = xasprintf("--%s %s", option->name, option->value_name);
        buf_printf(loading->text, "  %-30s ", left);
        free(left);
        for (const char *c = option->help; *c; c++) {
            buf_append_byte(loading->text, (uint8_t)*c);
            if (*c == '\n') {
                buf_printf(loading->text, "%33s", "");
            }
        }
        if (option->fallback) {
            buf_printf(loading->text, " (%s)", option->fallback);
        }
        buf_append_byte(loading->text, '\n');
    }
    buf_printf(
        loading->text,
        "  %-30s this text\n  %-30s the version\n\n"
        "Each option is also a variable (--max-message is ROOMD_MAX_MESSAGE) and a key of\n"
        "the configuration file (max-message = 16m). Flags win over variables over the file.\n"
        "Exit status: 0 after a clean stop, 1 after a failure, 2 for a wrong option.\n",
        "--help", "--version");
}

/* ---- all of it ---- */

/* Weakest first, so that the stronger overwrite. */
static enum err apply_sources(struct loading *loading, const struct flag *flags, size_t count,
                              char *const *env)
{
    const char *file = config_env_get(env, "ROOMD_CONFIG");
    for (size_t i = 0; i < count; i++) {
        if (config_options[flags[i].index].offset == offsetof(struct config, file)) {
            file = flags[i].value.ptr;
        }
    }
    enum err err = apply_defaults(loading, env);
    if (!err && loading->role == CONFIG_ROOMD && file && file[0]) {
        err = apply_file(loading, file);
    }
    if (!err) {
        err = apply_env(loading, env);
    }
    for (size_t i = 0; !err && i < count; i++) {
        err = apply(loading, flags[i].index, flags[i].value, "", SPELL_FLAG);
    }
    return err;
}

/* What no option can say alone. */
static enum err check_together(struct loading *loading)
{
    for (size_t i = 0; i < config_option_count; i++) {
        if ((config_options[i].required & loading->role) && !loading->config->text[i]) {
            buf_printf(loading->text, "%s: --%s is missing; it is given by roomd, the supervisor\n",
                       loading->program, config_options[i].name);
            return ERR_USAGE;
        }
    }
    const struct config *config = loading->config;
    uint64_t least = (uint64_t)config->stop_delay_s + config->stop_spread_s + CONFIG_STOP_REST_S;
    if (loading->role == CONFIG_ROOMD && config->stop_timeout_s < least) {
        buf_printf(loading->text,
                   "%s: --stop-timeout: %u s are too few behind a stop-delay of %u and a "
                   "stop-spread of %u; allowed are %" PRIu64 " and more\n",
                   loading->program, config->stop_timeout_s, config->stop_delay_s,
                   config->stop_spread_s, least);
        return ERR_USAGE;
    }
    if (!loading->config->data) {
        buf_printf(loading->text, "%s: --data: there is no HOME to put the default in; give one\n",
                   loading->program);
        return ERR_USAGE;
    }
    struct buf why = {0};
    enum err err =
        loading->role == CONFIG_ROOMD ? config_check_cluster(loading->config, &why) : ERR_OK;
    if (err) {
        buf_printf(loading->text, "%s: %.*s\n", loading->program, STR_ARG(buf_str(&why)));
    }
    buf_finish(&why);
    return err;
}

/* What depends on other options. */
static void settle_rest(struct config *config)
{
    int rebalance = config_option_find(CONFIG_ROOMD, STR("rebalance"));
    if (!config->text[rebalance]) {
        config_set(config, "rebalance", config->cluster_listen.host[0] ? "on" : "off");
    }
}

enum config_outcome config_load(struct config *config, enum config_role role, int argc,
                                char *const *argv, char *const *env, struct buf *text)
{
    *config = (struct config){.control_fd = -1, .mark_fd = -1};
    struct loading loading = {config, role, program_name(role), text};
    struct flag *flags = xcalloc((size_t)argc, sizeof(*flags));
    size_t count = 0;
    enum config_outcome outcome = CONFIG_TOLD;
    switch (split_flags(&loading, argc, argv, flags, &count)) {
    case FLAGS_HELP:
        append_help(&loading);
        break;
    case FLAGS_VERSION:
        buf_printf(text, "%s %s\n", loading.program, ROOMD_VERSION);
        break;
    case FLAGS_BAD:
        outcome = CONFIG_BAD;
        break;
    case FLAGS_OK:
        outcome = apply_sources(&loading, flags, count, env) || check_together(&loading)
                      ? CONFIG_BAD
                      : CONFIG_OK;
        break;
    }
    if (outcome == CONFIG_OK) {
        settle_rest(config);
    }
    free(flags);
    return outcome;
}

int config_load_main(struct config *config, enum config_role role, int argc, char *const *argv)
{
    struct buf text = {0};
    enum config_outcome outcome = config_load(config, role, argc, argv, environ, &text);
    FILE *to = outcome == CONFIG_TOLD ? stdout : stderr;
    bool printed = buf_len(&text) == 0 ||
                   (fwrite(buf_head(&text), buf_len(&text), 1, to) == 1 && fflush(to) == 0);
    buf_finish(&text);
    switch (outcome) {
    case CONFIG_OK:
        return -1;
    case CONFIG_TOLD:
        return printed ? 0 : 1;
    case CONFIG_BAD:
        return 2;
    }
    return 2;
}

void config_set(struct config *config, const char *name, const char *value)
{
    struct buf text = {0};
    struct loading loading = {config, CONFIG_ROOMD, "roomd", &text};
    int index = config_option_find(CONFIG_ROOMD, str_of(name));
    assert(index >= 0);
    enum err err = apply(&loading, (size_t)index, str_of(value), "", SPELL_FLAG);
    assert(!err);
    buf_finish(&text);
}

char **config_env_create(const struct config *config, char *const *env)
{
    size_t count = 0;
    while (env[count]) {
        count++;
    }
    char **out = xcalloc(count + config_option_count + 1, sizeof(*out));
    size_t used = 0;
    for (; *env; env++) {
        if (!str_starts(str_of(*env), ENV_PREFIX)) {
            out[used++] = xstrdup(*env);
        }
    }
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *option = &config_options[i];
        bool shared = !option->flag_only && (option->roles & (CONFIG_GATEWAY | CONFIG_WORKER));
        if (shared && config->text[i]) {
            char *variable = config_option_variable(option);
            out[used++] = xasprintf("%s=%s", variable, config->text[i]);
            free(variable);
        }
    }
    return out;
}

void config_finish(struct config *config)
{
    for (size_t i = 0; i < CONFIG_OPTIONS_MAX; i++) {
        free(config->text[i]);
    }
    redis_url_finish(&config->redis);
    free(config->data);
    free(config->schema);
    free(config->file);
    free(config->process);
    free(config->id);
    free(config->node);
    free(config->socket);
    free(config->advertise);
    free(config->cluster_secret_file);
    *config = (struct config){.control_fd = -1, .mark_fd = -1};
}

const char *durability_name(enum durability durability)
{
    switch (durability) {
    case DURABILITY_LOG:
        return "log";
    case DURABILITY_SNAPSHOT:
        return "snapshot";
    case DURABILITY_NONE:
        return "none";
    }
    return "?";
}
