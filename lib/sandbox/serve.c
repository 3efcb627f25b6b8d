/* The inside of a sandbox. */
#include "sandbox/serve.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/random.h"
#include "sandbox/frame.h"
#include "script/script.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct server {
    int fd;
    struct buf input;
    struct buf output;
};

/* What one heap may take, its conversions and the frames beside it. */
enum { ADDRESS_SPACE = 3ul << 30 };

static void limit(int resource, rlim_t value)
{
    struct rlimit both = {value, value};
    setrlimit((__rlimit_resource_t)resource, &both);
}

static void give_up_rights(int fd)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    close_range((unsigned)fd + 1, ~0u, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NPROC, 0);
    limit(RLIMIT_NOFILE, 0);
#if !defined(__SANITIZE_ADDRESS__)
    limit(RLIMIT_AS, ADDRESS_SPACE);
#endif
}

static bool receive(struct server *server)
{
    enum { STEP = 256 << 10 };
    ssize_t got;
    do {
        got = read(server->fd, buf_reserve(&server->input, STEP), STEP);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        buf_commit(&server->input, (size_t)got);
    }
    return got > 0;
}

static bool send_all(struct server *server)
{
    while (buf_len(&server->output) > 0) {
        ssize_t sent =
            send(server->fd, buf_head(&server->output), buf_len(&server->output), MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return false;
        }
        buf_consume(&server->output, sent > 0 ? (size_t)sent : 0);
    }
    return true;
}

/* The next frame, or false at the end of the stream. *used bytes of the input are its. */
static bool next(struct server *server, struct str *body, size_t *used)
{
    for (;;) {
        if (frame_next(buf_head(&server->input), buf_len(&server->input), body, used)) {
            return false;
        }
        if (*used > 0) {
            return true;
        }
        if (!receive(server)) {
            return false;
        }
    }
}

/* The first frame is the code; it is answered like a job. */
static struct script *load(struct server *server, struct str code)
{
    struct script *script = NULL;
    struct buf why = {0};
    struct schema_job job = {.called = SCHEMA_RETURNED};
    if (script_create(code, SCRIPT_MEMORY_BYTES, &script, &why)) {
        fprintf(stderr, "roomd-script: the code of the schema file: %.*s\n",
                STR_ARG(buf_str(&why)));
        script = NULL;
        job.called = SCHEMA_THREW;
    }
    frame_write_answer(&job, &server->output);
    if (!send_all(server)) {
        script_destroy(script);
        script = NULL;
    }
    buf_finish(&why);
    return script;
}

/* Each answer goes out by itself, so that it is known which job is the one that hangs. */
static bool answer(struct server *server, struct script *script, struct str body)
{
    struct schema_job job;
    if (frame_read_job(body, &job)) {
        return false;
    }
    script_run(script, &job);
    frame_write_answer(&job, &server->output);
    buf_finish(&job.result);
    return send_all(server);
}

int sandbox_serve(int fd)
{
    struct server server = {.fd = fd};
    struct str body;
    size_t used = 0;
    map_seed(random_u64());
    give_up_rights(fd);
    if (!next(&server, &body, &used)) {
        return EXIT_SUCCESS;
    }
    struct buf code = {0};
    buf_append_str(&code, body);
    buf_consume(&server.input, used);
    struct script *script = load(&server, buf_str(&code));
    bool ok = script != NULL;
    while (ok && next(&server, &body, &used)) {
        ok = answer(&server, script, body);
        buf_consume(&server.input, used);
        enum { KEEP = 1 << 20 };
        if (buf_len(&server.input) == 0) {
            buf_clear(&server.input, KEEP);
        }
    }
    script_destroy(script);
    buf_finish(&code);
    buf_finish(&server.output);
    buf_finish(&server.input);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
