/* The table of options and the reading of one value. Private to config.c. */
#ifndef BASE_CONFIG_OPTION_H
#define BASE_CONFIG_OPTION_H

#include "base/config.h"

enum config_kind {
    CONFIG_KIND_ADDRESS,
    CONFIG_KIND_TEXT,   /* any text but the empty one; char * */
    CONFIG_KIND_REDIS,  /* struct redis_url; its text is a secret */
    CONFIG_KIND_NUMBER, /* uint32_t within min..max */
    CONFIG_KIND_SIZE,   /* uint64_t bytes within min..max */
    CONFIG_KIND_CHOICE, /* an enum; index into choices */
    CONFIG_KIND_SWITCH, /* bool; choices are off and on */
    CONFIG_KIND_FD,     /* int, an open descriptor */
};

struct config_option {
    const char *name; /* as after "--" and in the file */
    enum config_kind kind;
    size_t offset;          /* of the field in struct config */
    unsigned roles;         /* who knows it: bits of enum config_role */
    unsigned required;      /* who cannot do without */
    bool flag_only;         /* has no variable and no file key */
    const char *fallback;   /* default as text; NULL for none, or one found out at start */
    const char *value_name; /* for the help */
    const char *help;
    uint64_t min, max;
    const char *choices[5]; /* NULL-terminated */
};

extern const struct config_option config_options[];
extern const size_t config_option_count;

/* Index of the option that `role` knows by this name, or -1. */
int config_option_find(enum config_role role, struct str name);
/* The name of its variable, "ROOMD_MAX_MESSAGE"; the caller frees it. */
char *config_option_variable(const struct config_option *option);

/* Reads one value into its field, replacing what was there. ERR_USAGE leaves the field alone. */
enum err config_option_read(const struct config_option *option, struct str value,
                            struct config *config) NODISCARD;
/* Appends what the option's values look like: "a whole number from 1 to 256". */
void config_option_allowed(const struct config_option *option, struct buf *out);

/* The defaults that depend on the machine; the caller frees them. NULL: cannot tell. */
char *config_default_data(char *const *env);
char *config_default_workers(void);

/* Whether the options of a cluster go together. ERR_USAGE: `why` gets a phrase for people. */
enum err config_check_cluster(const struct config *config, struct buf *why) NODISCARD;

/* The value of a variable, or NULL. */
const char *config_env_get(char *const *env, const char *name);

#endif
