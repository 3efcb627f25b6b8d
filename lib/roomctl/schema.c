/* roomctl schema check FILE: what is in a schema file, and whether roomd can use it. Asks no node.
 */
#include "base/file.h"
#include "roomctl/internal.h"
#include "schema/file.h"
#include "script/script.h"
#include "value/pack.h"

#include <stdio.h>

static const struct {
    const char *name, *label;
    size_t at;
} fields[] = {
    {"types", "record types", offsetof(struct schema_summary, types)},
    {"documents", "of document scope", offsetof(struct schema_summary, documents)},
    {"objectTypes", "object types", offsetof(struct schema_summary, object_types)},
    {"validators", "validators", offsetof(struct schema_summary, validators)},
    {"codeValidators", "that are code", offsetof(struct schema_summary, code_validators)},
    {"sequences", "sequences", offsetof(struct schema_summary, sequences)},
    {"migrations", "migrations", offsetof(struct schema_summary, migrations)},
    {"codeMigrations", "that are code", offsetof(struct schema_summary, code_migrations)},
    {"codeBytes", "bytes of code", offsetof(struct schema_summary, code_bytes)},
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static uint32_t field_of(const struct schema_summary *summary, size_t i)
{
    return *(const uint32_t *)(const void *)((const char *)summary + fields[i].at);
}

static enum ctl_exit print(const struct ctl *ctl, const char *path, const struct schema *schema)
{
    struct schema_summary summary;
    struct buf out = {0};
    enum ctl_exit status;
    schema_summarize(schema, &summary);
    if (ctl->options.json) {
        pack_map(&out, FIELDS + 2);
        pack_str(&out, STR("file"));
        pack_str(&out, str_of(path));
        pack_member(&out, STR("serialized"), schema_serialized(schema));
        for (size_t i = 0; i < FIELDS; i++) {
            pack_str(&out, str_of(fields[i].name));
            pack_u64(&out, field_of(&summary, i));
        }
        status = ctl_print_json(buf_value(&out));
    } else {
        for (size_t i = 0; i < FIELDS; i++) {
            buf_printf(&out, "%-18s %u\n", fields[i].label, field_of(&summary, i));
        }
        status = ctl_print(&out);
    }
    buf_finish(&out);
    return status;
}

struct looking {
    struct script *script;
    unsigned missing;
};

static void look(void *arg, struct str function, enum schema_call call)
{
    struct looking *looking = arg;
    (void)call;
    if (!script_has(looking->script, function)) {
        looking->missing++;
        ctl_complain("the code has no function \"%.*s\"", STR_ARG(function));
    }
}

/* Whether the code loads, and has whatever the schema may call. */
static bool check_code(const char *path, struct str code, const struct schema *schema)
{
    struct looking looking = {0};
    struct buf why = {0};
    bool ok = true;
    if (code.len > 0 && script_create(code, SCRIPT_MEMORY_BYTES, &looking.script, &why)) {
        ctl_complain("%s: code: %.*s", path, STR_ARG(buf_str(&why)));
        ok = false;
    } else if (looking.script) {
        schema_functions(schema, look, &looking);
        ok = looking.missing == 0;
    }
    script_destroy(looking.script);
    buf_finish(&why);
    return ok;
}

static enum ctl_exit check(const struct ctl *ctl, const char *path, struct str text)
{
    struct schema *schema = NULL;
    struct buf code = {0};
    struct buf why = {0};
    enum ctl_exit status = CTL_FAILED;
    if (schema_find_code(text, &code, &why) != ERR_OK ||
        schema_parse(text, NULL, &schema, &why) != ERR_OK) {
        ctl_complain("%s: %.*s", path, STR_ARG(buf_str(&why)));
        schema = NULL;
    } else if (check_code(path, buf_str(&code), schema)) {
        status = print(ctl, path, schema);
    }
    schema_unref(schema);
    buf_finish(&why);
    buf_finish(&code);
    return status;
}

enum ctl_exit ctl_schema(struct ctl *ctl)
{
    const char *path = ctl->options.operands[1];
    struct buf text = {0};
    enum ctl_exit status = CTL_FAILED;
    if (!str_eq(str_of(ctl->options.operands[0]), STR("check"))) {
        ctl_complain("schema: what is to be done is \"check\"");
        return CTL_USAGE;
    }
    enum err err = file_read(path, SCHEMA_FILE_MAX, &text);
    if (err) {
        ctl_complain("%s: %s", path, err_name(err));
    } else {
        status = check(ctl, path, buf_str(&text));
    }
    buf_finish(&text);
    return status;
}
