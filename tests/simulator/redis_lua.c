/* Our scripts, run by the interpreter that Redis runs them with. */
#include "simulator/history.h"
#include "simulator/redis.h"

#include <assert.h>
#include <inttypes.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>

static lua_State *lua; /* for all worlds: scripts keep no state */

/* ---- replies and values ---- */

static void push_reply(const struct reply *reply)
{
    switch (reply->kind) {
    case REPLY_NIL:
        lua_pushboolean(lua, 0);
        break;
    case REPLY_INTEGER:
        lua_pushnumber(lua, (lua_Number)reply->integer);
        break;
    case REPLY_BULK:
        lua_pushlstring(lua, reply->text.ptr, reply->text.len);
        break;
    case REPLY_STATUS:
    case REPLY_ERROR:
        lua_newtable(lua);
        lua_pushlstring(lua, reply->text.ptr, reply->text.len);
        lua_setfield(lua, -2, reply->kind == REPLY_ERROR ? "err" : "ok");
        break;
    case REPLY_ARRAY:
        lua_newtable(lua);
        for (uint32_t i = 0; i < reply->count; i++) {
            push_reply(&reply->items[i]);
            lua_rawseti(lua, -2, (int)i + 1);
        }
        break;
    }
}

static struct str text_at(int index)
{
    size_t len;
    const char *text = lua_tolstring(lua, index, &len);
    return data_copy(&redis.data, (struct str){text, len});
}

static struct reply take_table(int index)
{
    static const char *const kinds[] = {"err", "ok"};
    for (int i = 0; i < 2; i++) {
        lua_getfield(lua, index, kinds[i]);
        if (lua_isstring(lua, -1)) {
            struct reply reply = {.kind = i == 0 ? REPLY_ERROR : REPLY_STATUS, .text = text_at(-1)};
            lua_pop(lua, 1);
            return reply;
        }
        lua_pop(lua, 1);
    }
    uint32_t count = (uint32_t)lua_objlen(lua, index);
    struct reply array = reply_array(&redis.scratch, count);
    for (uint32_t i = 0; i < count; i++) {
        lua_rawgeti(lua, index, (int)i + 1); /* none of ours nests */
        array.items[i] = lua_type(lua, -1) == LUA_TNUMBER
                             ? reply_integer((int64_t)lua_tonumber(lua, -1))
                             : reply_bulk(text_at(-1));
        lua_pop(lua, 1);
    }
    return array;
}

static struct reply take_result(void)
{
    int top = lua_gettop(lua);
    switch (lua_type(lua, top)) {
    case LUA_TNUMBER:
        return reply_integer((int64_t)lua_tonumber(lua, top));
    case LUA_TSTRING:
        return reply_bulk(text_at(top));
    case LUA_TBOOLEAN:
        return lua_toboolean(lua, top) ? reply_integer(1) : (struct reply){0};
    case LUA_TTABLE:
        return take_table(top);
    default:
        return (struct reply){0};
    }
}

/* ---- what scripts may call ---- */

static int on_call(lua_State *state)
{
    enum { WORDS_MAX = 512 };
    struct str argv[WORDS_MAX];
    int argc = lua_gettop(state);
    assert(argc > 0 && argc <= WORDS_MAX);
    for (int i = 0; i < argc; i++) {
        /* Numbers become text as Redis makes it. */
        argv[i] = text_at(i + 1);
    }
    /* Before its first write a script is as good as none; ours do not free memory first. */
    const char *refused = redis_refused(argv[0]);
    if (refused) {
        return luaL_error(state, "%s", refused);
    }
    struct reply reply;
    if (!redis_basic_command(argv, (uint32_t)argc, &reply)) {
        return luaL_error(state, "ERR Unknown Redis command called from script");
    }
    if (reply.kind == REPLY_ERROR) {
        lua_pushlstring(state, reply.text.ptr, reply.text.len);
        return lua_error(state);
    }
    push_reply(&reply);
    return 1;
}

static int on_error_reply(lua_State *state)
{
    lua_newtable(state);
    lua_pushvalue(state, 1);
    lua_setfield(state, -2, "err");
    return 1;
}

void redis_lua_begin(void)
{
    lua = luaL_newstate();
    luaL_openlibs(lua);
    lua_newtable(lua);
    lua_pushcfunction(lua, on_call);
    lua_setfield(lua, -2, "call");
    lua_pushcfunction(lua, on_error_reply);
    lua_setfield(lua, -2, "error_reply");
    lua_setglobal(lua, "redis");
}

void redis_lua_end(void)
{
    lua_close(lua);
}

/* ---- scripts ---- */

/* Not SHA-1, but as good a name. */
struct str redis_script_load(struct str text)
{
    static char name[41];
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (uint8_t)text.ptr[i]) * 0x100000001b3u;
    }
    snprintf(name, sizeof(name), "%040" PRIx64, hash);
    lua_getfield(lua, LUA_REGISTRYINDEX, name);
    if (lua_isnil(lua, -1)) {
        int failed = luaL_loadbuffer(lua, text.ptr, text.len, "@user_script");
        if (failed) {
            violated("script: %s", lua_tostring(lua, -1));
        }
        lua_setfield(lua, LUA_REGISTRYINDEX, name);
    }
    lua_settop(lua, 0);
    redis.scripts_lost = false;
    return (struct str){name, 40};
}

static void set_words(const char *global, const struct str *words, uint32_t count)
{
    lua_createtable(lua, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        lua_pushlstring(lua, words[i].ptr, words[i].len);
        lua_rawseti(lua, -2, (int)i + 1);
    }
    lua_setglobal(lua, global);
}

struct reply redis_script_run(struct str sha, const struct str *argv, uint32_t argc)
{
    char name[41];
    snprintf(name, sizeof(name), "%.*s", STR_ARG(sha));
    uint32_t keys = (uint32_t)(argv[2].ptr[0] - '0'); /* none has more than 9 */
    set_words("KEYS", argv + 3, keys);
    set_words("ARGV", argv + 3 + keys, argc - 3 - keys);
    history_script_begins(argv[3], argv + 3 + keys, argc - 3 - keys);
    lua_getfield(lua, LUA_REGISTRYINDEX, name);
    struct reply reply;
    if (lua_pcall(lua, 0, 1, 0)) {
        struct str why = text_at(-1);
        static const char *const refusals[] = {"OOM", "MISCONF", "WRONGTYPE"};
        const char *code = NULL;
        for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]) && !code; i++) {
            code = memmem(why.ptr, why.len, refusals[i], strlen(refusals[i]));
        }
        if (!code) {
            violated("a script fails: %.*s", STR_ARG(why));
            code = why.ptr;
        }
        why = (struct str){code, why.len - (size_t)(code - why.ptr)};
        reply = (struct reply){.kind = REPLY_ERROR, .text = why};
    } else {
        reply = take_result();
    }
    lua_settop(lua, 0);
    return reply;
}
