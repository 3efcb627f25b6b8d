/* Malformed pushes under a schema file, row by row (BAD): a connected session of the current
 * protocol, in a room with the note note:1. */
#include "fixture.h"

struct row {
    const char *input;
    const char *members; /* of the push */
    const char *told;    /* part of what is told */
};

#define UNKNOWN " closed 4099 UNKNOWN_ERROR"
#define INVALID " closed 4099 INVALID_RECORD"
#define DISCARD "'discard'"
#define COMMIT "'commit'"
#define NOTE_OP(op) "'diff':{'note:1':" op "}"
#define OTHER_OP(op) "'diff':{'note:9':" op "}"

static const struct row rows[] = {
    {"diff a number", "'diff':5", DISCARD},
    {"diff a boolean", "'diff':true", DISCARD},
    {"diff a string", "'diff':'x'", DISCARD},
    {"diff null", "'diff':null", DISCARD},
    {"diff an array", "'diff':[['remove']]", UNKNOWN},
    {"record op null", NOTE_OP("null"), UNKNOWN},
    {"record op []", NOTE_OP("[]"), DISCARD},
    {"record op a string", NOTE_OP("'put'"), DISCARD},
    {"record op a number", NOTE_OP("1"), DISCARD},
    {"record op unknown", NOTE_OP("['move']"), DISCARD},
    {"put without value", OTHER_OP("['put']"), UNKNOWN},
    {"put of null", OTHER_OP("['put',null]"), UNKNOWN},
    {"put of a string", OTHER_OP("['put','x']"), INVALID},
    {"put of a number", OTHER_OP("['put',1]"), INVALID},
    {"put of an array", OTHER_OP("['put',[]]"), INVALID},
    {"put without typeName", OTHER_OP("['put',{'id':'note:9'}]"), INVALID},
    {"put of a presence type", OTHER_OP("['put',{'id':'note:9','typeName':'person'}]"), INVALID},
    {"put of a session type", OTHER_OP("['put',{'id':'note:9','typeName':'view'}]"), INVALID},
    {"put of an unknown type", OTHER_OP("['put',{'id':'note:9','typeName':'x'}]"), INVALID},
    {"id is not the key", OTHER_OP("['put',{'id':'note:8','typeName':'note','color':'red','n':1}]"),
     UNKNOWN},
    {"id is not the key, and invalid", OTHER_OP("['put',{'id':'note:8','typeName':'note'}]"),
     INVALID},
    {"patch without value", NOTE_OP("['patch']"), UNKNOWN},
    {"patch of null", NOTE_OP("['patch',null]"), UNKNOWN},
    {"the same of an unknown record", OTHER_OP("['patch',null]"), DISCARD},
    {"patch a string", NOTE_OP("['patch','x']"), DISCARD},
    {"patch a number", NOTE_OP("['patch',1]"), DISCARD},
    {"patch a boolean", NOTE_OP("['patch',true]"), DISCARD},
    {"value op null", NOTE_OP("['patch',{'n':null}]"), UNKNOWN},
    {"value op unknown", NOTE_OP("['patch',{'n':['move',1]}]"), DISCARD},
    {"value op no array", NOTE_OP("['patch',{'n':1}]"), DISCARD},
    {"value op put without value", NOTE_OP("['patch',{'n':['put']}]"), INVALID},
    {"nested patch null, no such member", NOTE_OP("['patch',{'x':['patch',null]}]"), DISCARD},
    {"op key __proto__", NOTE_OP("['patch',{'__proto__':['put',1]}]"), DISCARD},
    {"record id __proto__",
     "'diff':{'__proto__':['put',{'id':'note:9','typeName':'note','color':'red','n':1}]}", UNKNOWN},
    {"overflow", NOTE_OP("['patch',{'n':['put',1e999]}]"), INVALID},
    {"presence {}", "'presence':{}", UNKNOWN},
    {"presence a number", "'presence':1", UNKNOWN},
    {"presence put without value", "'presence':['put']", INVALID},
    {"presence put null", "'presence':['put',null]", INVALID},
    {"presence put a string", "'presence':['put','x']", INVALID},
    {"presence patch null", "'presence':['patch',null]", COMMIT},
    {"presence []", "'presence':[]", COMMIT},
    {"presence a string", "'presence':'x'", COMMIT},
    {"presence false", "'presence':false", COMMIT},
    {"presence null", "'presence':null", COMMIT},
    {"presence unknown op", "'presence':['move']", COMMIT},
};

static void start(struct fixture *fixture)
{
    fixture_init(fixture);
    fixture_use_schema(fixture, false);
    fixture_restart(fixture);
    connect_session(fixture, "a");
    send_push(fixture, "a",
              "'clientClock':1,'diff':{'note:1':['put',"
              "{'id':'note:1','typeName':'note','color':'red','n':1}]}");
    cr_assert(was_told(fixture, COMMIT));
    forget_told(fixture);
}

Test(bad, every_row_has_its_outcome)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture fixture;
        start(&fixture);
        send_push(&fixture, "a", rows[i].members);
        cr_expect(was_told(&fixture, rows[i].told), "%s: told\n%.*s", rows[i].input,
                  STR_ARG(buf_str(&fixture.lines)));
        cr_expect(not(was_told(&fixture, "append ")), "%s wrote something", rows[i].input);
        fixture_finish(&fixture);
    }
}

#define LEGACY(reason) "a legacy {'type':'incompatibility_error','reason':'" reason "'}\na closed\n"

/* An old client is told why in a message, and its socket closes without a code (NEG-2). */
static const struct row legacy_rows[] = {
    {"record op null", NOTE_OP("null"), LEGACY("invalidOperation")},
    {"put without value", OTHER_OP("['put']"), LEGACY("invalidOperation")},
    {"put of an unknown type", OTHER_OP("['put',{'id':'note:9','typeName':'x'}]"),
     LEGACY("invalidRecord")},
    {"overflow", NOTE_OP("['patch',{'n':['put',1e999]}]"), LEGACY("invalidRecord")},
    {"presence a number", "'presence':1", LEGACY("invalidOperation")},
};

Test(bad, old_clients_are_told_in_a_message)
{
    for (size_t i = 0; i < sizeof(legacy_rows) / sizeof(legacy_rows[0]); i++) {
        struct fixture fixture;
        start(&fixture);
        send_connect(&fixture, "a", "'protocolVersion':6,'lastServerClock':-1");
        forget_told(&fixture);
        send_push(&fixture, "a", legacy_rows[i].members);
        cr_expect(was_told(&fixture, legacy_rows[i].told), "%s: told\n%.*s", legacy_rows[i].input,
                  STR_ARG(buf_str(&fixture.lines)));
        fixture_finish(&fixture);
    }
}
