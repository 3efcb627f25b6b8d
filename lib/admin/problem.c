/* Problem documents. */
#include "admin/problem.h"

#include "admin/fields.h"

struct problem_info {
    int status;
    const char *phrase;
    const char *name; /* the end of its type */
    const char *title;
};

static const struct problem_info infos[PROBLEMS] = {
    [PROBLEM_BAD_REQUEST] = {400, "Bad Request", "bad-request",
                             "The request is not as it should be"},
    [PROBLEM_FOREIGN_ORIGIN] = {403, "Forbidden", "foreign-origin",
                                "Pages of other sites may not change anything here"},
    [PROBLEM_NO_PAGE] = {404, "Not Found", "no-page", "There is nothing under this path"},
    [PROBLEM_NO_ROOM] = {404, "Not Found", "no-room", "There is no such room"},
    [PROBLEM_NO_WORKER] = {404, "Not Found", "no-worker", "There is no such worker"},
    [PROBLEM_NO_NODE] = {404, "Not Found", "no-node", "There is no such node"},
    [PROBLEM_NO_SESSION] = {404, "Not Found", "no-session", "The room has no such session"},
    [PROBLEM_NO_RECORD] = {404, "Not Found", "no-record", "The room has no such record"},
    [PROBLEM_METHOD] = {405, "Method Not Allowed", "method", "This path has no such method"},
    [PROBLEM_NO_OWNER] = {409, "Conflict", "no-owner", "The room has no owner now"},
    [PROBLEM_NOT_LOADED] = {409, "Conflict", "not-loaded", "The room's owner does not serve it"},
    [PROBLEM_OTHER_NODE] = {409, "Conflict", "other-node", "Another node is in charge"},
    [PROBLEM_NOT_READY] = {409, "Conflict", "not-ready", "The worker takes no rooms now"},
    [PROBLEM_LAST_WORKER] = {409, "Conflict", "last-worker",
                             "No other worker could take the rooms"},
    [PROBLEM_NOT_CONNECTED] = {409, "Conflict", "not-connected", "The session is not connected"},
    [PROBLEM_CLOCK] = {409, "Conflict", "clock", "The room has changed meanwhile"},
    [PROBLEM_NO_SCHEMA] = {409, "Conflict", "no-schema", "There is no schema to go by"},
    [PROBLEM_QUARANTINED] = {409, "Conflict", "quarantined", "The room is quarantined"},
    [PROBLEM_TOO_LARGE] = {413, "Content Too Large", "too-large", "It would be too large"},
    [PROBLEM_MEDIA_TYPE] = {415, "Unsupported Media Type", "media-type",
                            "The body is of another type"},
    [PROBLEM_INVALID_RECORD] = {422, "Unprocessable Content", "invalid-record",
                                "A record may not be stored"},
    [PROBLEM_MIGRATION] = {422, "Unprocessable Content", "migration",
                           "The snapshot cannot be brought to the room's schema"},
    [PROBLEM_UNREADABLE] = {500, "Internal Server Error", "unreadable",
                            "The stored room cannot be read"},
    [PROBLEM_OUTCOME_UNKNOWN] = {503, "Service Unavailable", "outcome-unknown",
                                 "It may have been done, or not"},
    [PROBLEM_NOT_MOVED] = {503, "Service Unavailable", "not-moved", "The room was not moved"},
    [PROBLEM_BUSY] = {503, "Service Unavailable", "busy", "Too many requests are under way"},
    [PROBLEM_REDIS_AWAY] = {503, "Service Unavailable", "redis-away", "Redis cannot be used now"},
    [PROBLEM_STOPPING] = {503, "Service Unavailable", "stopping", "The node starts or stops"},
    [PROBLEM_TIMEOUT] = {504, "Gateway Timeout", "timeout", "It took too long"},
};

int problem_status(enum problem problem)
{
    return infos[problem].status;
}

const char *problem_phrase(enum problem problem)
{
    return infos[problem].phrase;
}

void problem_render(enum problem problem, struct str detail, struct buf *out)
{
    const struct problem_info *info = &infos[problem];
    fields_open(out, '{');
    fields_name(out, "type");
    buf_printf(out, "\"urn:roomd:problem:%s\"", info->name);
    fields_text(out, "title", info->title);
    fields_u64(out, "status", (uint64_t)info->status);
    fields_str(out, "detail", detail);
    fields_close(out, '}');
    buf_append_byte(out, '\n');
}
