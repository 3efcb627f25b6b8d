/* What a process counts: one table for all processes, one copy of the values in each, read by
 * whoever serves /metrics. A new metric is one entry in METRICS or HISTOGRAMS below.
 *
 *      metrics_add(METRIC_PUSHES, 1);
 *      metrics_observe(HISTOGRAM_LOG_APPEND, seconds);
 *
 * For the I/O layer: pure parts report to their caller and count nothing. One thread. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/str.h"

#include <stdint.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

/* Who has it: bits, so that nobody shows what it cannot count. */
enum metric_role {
    ROLE_SUPERVISOR = 1,
    ROLE_GATEWAY = 2,
    ROLE_WORKER = 4,
    ROLE_REDIS = 8, /* the embedded one: shows only what the kernel knows of it */
};

/* clang-format off */
/* X(NAME, kind, roles, Prometheus name, help); counters end in _total, units are base units. */
#define METRICS(X)                                                                                 \
    X(CONNECTIONS, GAUGE, ROLE_GATEWAY, "roomd_connections",                                       \
      "Client connections now.")                                                                   \
    X(CONNECTIONS_TOTAL, COUNTER, ROLE_GATEWAY, "roomd_connections_total",                         \
      "Client connections accepted.")                                                              \
    X(UPGRADES_REFUSED, COUNTER, ROLE_GATEWAY, "roomd_upgrades_refused_total",                     \
      "Requests for a room that did not become a WebSocket.")                                            \
    X(SESSIONS, GAUGE, ROLE_WORKER, "roomd_sessions",                                              \
      "Sessions in rooms now.")                                                                    \
    X(ROOMS, GAUGE, ROLE_WORKER, "roomd_rooms",                                                    \
      "Rooms loaded now.")                                                                         \
    X(ROOM_BYTES, GAUGE, ROLE_WORKER, "roomd_room_bytes",                                          \
      "Bytes of documents in loaded rooms.")                                                       \
    X(PUSHES, COUNTER, ROLE_WORKER, "roomd_pushes_total",                                          \
      "Pushes answered.")                                                                          \
    X(BROADCASTS, COUNTER, ROLE_WORKER, "roomd_broadcasts_total",                                  \
      "Messages sent to the others of a room, counted once each.")                                 \
    X(MESSAGES_RECEIVED, COUNTER, ROLE_GATEWAY | ROLE_WORKER, "roomd_messages_received_total",     \
      "Messages from clients.")                                                                    \
    X(SUPERSEDED, COUNTER, ROLE_GATEWAY, "roomd_presence_superseded_total",                         \
      "Of these, pushes of presence that were taken together with a newer one.")                   \
    X(RECEIVED_BYTES, COUNTER, ROLE_GATEWAY, "roomd_received_bytes_total",                         \
      "Bytes read from client connections.")                                                       \
    X(SENT_BYTES, COUNTER, ROLE_GATEWAY, "roomd_sent_bytes_total",                                 \
      "Bytes written to client connections.")                                                      \
    X(FRAMES_SENT, COUNTER, ROLE_GATEWAY, "roomd_frames_sent_total",                               \
      "WebSocket data frames sent.")                                                               \
    X(CONDENSED, COUNTER, ROLE_GATEWAY, "roomd_events_condensed_total",                            \
      "Events of presence that clients which do not keep up were not sent, for newer ones.")       \
    X(EVENT_INTERVAL, GAUGE, ROLE_GATEWAY, "roomd_event_interval_seconds",                         \
      "Between two frames of events of a connection: longer where there are many, or too many.") \
    X(CLOSES_FATAL, COUNTER, ROLE_GATEWAY, "roomd_closes_fatal_total",                             \
      "Connections closed with 4099, for good.")                                                   \
    X(CLOSES_RETRY, COUNTER, ROLE_GATEWAY, "roomd_closes_retry_total",                             \
      "Connections closed with 1012 or 1013, to come back.")                                       \
    X(CLOSES_SLOW, COUNTER, ROLE_GATEWAY, "roomd_closes_slow_total",                               \
      "Of these, those of clients that did not read what they were sent.")                         \
    X(UNSENT_BYTES, GAUGE, ROLE_GATEWAY, "roomd_unsent_bytes",                                     \
      "Bytes that wait for clients to read them, shared ones once; bounded by max-unsent.")        \
    X(CLOSES_PROTOCOL, COUNTER, ROLE_GATEWAY, "roomd_closes_protocol_total",                       \
      "Connections closed for breaking the WebSocket protocol.")                                   \
    X(LINKS, GAUGE, ROLE_GATEWAY | ROLE_WORKER, "roomd_links",                                     \
      "Links between gateways and workers now.")                                                   \
    X(PEERS_REFUSED, COUNTER, ROLE_WORKER, "roomd_peers_refused_total",                            \
      "Connections for other nodes that did not prove to be of this cluster.")                     \
    X(RESUMES, COUNTER, ROLE_WORKER, "roomd_resumes_total",                                        \
      "Sessions taken over from another owner.")                                                   \
    X(MOVES_DRAIN, COUNTER, ROLE_WORKER, "roomd_moves_drain_total",                                \
      "Rooms handed over because their worker or node drains.")                                    \
    X(MOVES_ASKED, COUNTER, ROLE_WORKER, "roomd_moves_asked_total",                                \
      "Rooms handed over because somebody asked for it, rebalance among them.")                    \
    X(MOVES_REBALANCE, COUNTER, ROLE_WORKER, "roomd_moves_rebalance_total",                        \
      "Rooms handed over by their worker itself because it had too much load.")                    \
    X(CPU_SHARE, GAUGE, ROLE_WORKER, "roomd_cpu_share",                                            \
      "Of one core, smoothed over some seconds: what rooms are placed by.")                        \
    X(LOG_APPENDS, COUNTER, ROLE_WORKER, "roomd_log_appends_total",                                \
      "Entries appended to room logs.")                                                            \
    X(LOG_APPEND_BYTES, COUNTER, ROLE_WORKER, "roomd_log_append_bytes_total",                      \
      "Bytes appended to room logs.")                                                              \
    X(SNAPSHOTS, COUNTER, ROLE_WORKER, "roomd_snapshots_total",                                    \
      "Snapshots written.")                                                                        \
    X(STORE_UP, GAUGE, ROLE_SUPERVISOR | ROLE_GATEWAY | ROLE_WORKER, "roomd_store_up",             \
      "Whether Redis answers this process.")                                                       \
    X(STORE_WRITABLE, GAUGE, ROLE_GATEWAY | ROLE_WORKER, "roomd_store_writable",                   \
      "Whether Redis takes writes of this process.")                                               \
    X(STORE_ERRORS, COUNTER, ROLE_SUPERVISOR | ROLE_GATEWAY | ROLE_WORKER,                         \
      "roomd_store_errors_total",                                                                  \
      "Redis commands that failed, and connections lost.")                                         \
    X(SCRIPT_CALLS, COUNTER, ROLE_WORKER, "roomd_script_calls_total",                              \
      "Functions of the schema file's code that were called.")                                     \
    X(SCRIPT_FAILURES, COUNTER, ROLE_WORKER, "roomd_script_failures_total",                        \
      "Of those, the ones that failed or exceeded a limit.")                                       \
    X(SCRIPT_STARTS, COUNTER, ROLE_WORKER, "roomd_script_starts_total",                            \
      "Starts of the process that runs the code.")                                                 \
    X(DATA_FREE_BYTES, GAUGE, ROLE_SUPERVISOR, "roomd_data_free_bytes",                            \
      "Free space on the disk of the data directory.")                                             \
    X(HEAP_BYTES, GAUGE, ROLE_SUPERVISOR | ROLE_GATEWAY | ROLE_WORKER, "roomd_heap_bytes",         \
      "Bytes allocated and not freed. More may be resident: freed memory is kept for use.")

/* X(NAME, roles, Prometheus name, help); seconds, in the buckets of metrics_bounds. */
#define HISTOGRAMS(X)                                                                              \
    X(LOG_APPEND, ROLE_WORKER, "roomd_log_append_seconds",                                         \
      "From sending a log append to its answer.")                                                  \
    X(ROOM_LOAD, ROLE_WORKER, "roomd_room_load_seconds",                                           \
      "From claiming a room to serving it.")                                                       \
    X(SNAPSHOT, ROLE_WORKER, "roomd_snapshot_seconds",                                             \
      "From starting a snapshot to its answer.")
/* clang-format on */

#define METRICS_ENUM(name, kind, roles, text, help) METRIC_##name,
#define HISTOGRAMS_ENUM(name, roles, text, help) HISTOGRAM_##name,
enum metric { METRICS(METRICS_ENUM) METRIC_COUNT };
enum metric_histogram { HISTOGRAMS(HISTOGRAMS_ENUM) HISTOGRAM_COUNT };
#undef METRICS_ENUM
#undef HISTOGRAMS_ENUM

#define METRICS_BOUNDS 17

/* Upper bounds of the buckets in seconds, rising; one more bucket has no bound. */
extern const double metrics_bounds[METRICS_BOUNDS];

struct histogram {
    uint64_t counts[METRICS_BOUNDS + 1]; /* of each bucket alone, not cumulative */
    double sum;
};

struct metrics {
    double values[METRIC_COUNT]; /* whole numbers are exact up to 2^53 */
    struct histogram histograms[HISTOGRAM_COUNT];
};

/* This process' own. */
extern struct metrics metrics_own;

static inline void metrics_add(enum metric metric, double n)
{
    metrics_own.values[metric] += n;
}

/* Gauges only; metrics_add with a negative number is the other way to lower one. */
static inline void metrics_set(enum metric metric, double value)
{
    metrics_own.values[metric] = value;
}

/* This process' own, up to date: those that are looked up when somebody asks are looked up. */
const struct metrics *metrics_read(void);

void metrics_observe(enum metric_histogram which, double seconds);

struct metric_info {
    const char *name;
    const char *help;
    enum metric_kind kind;
    unsigned roles; /* bits of enum metric_role */
};

extern const struct metric_info metric_infos[METRIC_COUNT];
extern const struct metric_info histogram_infos[HISTOGRAM_COUNT]; /* kind means nothing here */

/* By Prometheus name; -1 if there is none. */
int metric_find(struct str name);
int histogram_find(struct str name);
const char *metric_role_name(enum metric_role role);

#endif
