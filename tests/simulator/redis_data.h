/* What a simulated Redis holds: keys of four types, and a journal by which the last changes can be
 * taken back, as a crash or a failover does. All memory is one arena's, until data_end. */
#ifndef SIM_REDIS_DATA_H
#define SIM_REDIS_DATA_H

#include "base/arena.h"
#include "base/map.h"

enum data_type { DATA_STRING, DATA_HASH, DATA_STREAM, DATA_SET };

struct data_field {
    struct str name, value;
};

struct data_entry {         /* of a stream */
    uint64_t epoch, number; /* its id */
    struct data_field *fields;
    uint32_t field_count;
};

struct data_key {
    struct str name;
    enum data_type type;
    struct str string;
    struct data_field *fields; /* of a hash; of a set the names are the members */
    uint32_t field_count, field_cap;
    struct data_entry *entries;
    uint32_t entry_count, entry_cap;
    uint64_t expire_ms; /* 0: never */
};

struct data {
    struct map keys; /* of struct data_key */
    struct arena memory;
    struct data_undo *journal; /* owned by the arena */
    size_t journal_count, journal_cap;
    uint64_t changes; /* ever made */
    uint64_t command; /* number of the one that makes them: it is taken back whole */
};

void data_begin(struct data *data);
void data_end(struct data *data);
/* Copies into the arena. */
struct str data_copy(struct data *data, struct str text);

/* NULL if it is not there, or its time has run out. */
struct data_key *data_find(struct data *data, struct str name, uint64_t now_ms);
/* Makes it if need be; NULL if it is of another type. */
struct data_key *data_make(struct data *data, struct str name, enum data_type type,
                           uint64_t now_ms);
void data_remove(struct data *data, struct data_key *key);
void data_remove_all(struct data *data);

struct data_field *data_field(const struct data_key *key, struct str name);
void data_set_field(struct data *data, struct data_key *key, struct str name, struct str value);
bool data_remove_field(struct data *data, struct data_key *key, struct str name);
void data_set_string(struct data *data, struct data_key *key, struct str value);
void data_add_entry(struct data *data, struct data_key *key, const struct data_entry *entry);
/* Drops the first `gone` entries of a stream. */
void data_trim(struct data *data, struct data_key *key, uint32_t gone);
void data_set_expire(struct data *data, struct data_key *key, uint64_t expire_ms);

/* Takes back the changes after the first `changes` ones, and whatever their commands did before.
 * Returns the number of the last one that is left. */
uint64_t data_rollback(struct data *data, uint64_t changes);
/* The oldest number of changes that can be gone back to. */
void data_settle(struct data *data, uint64_t changes);

#endif
