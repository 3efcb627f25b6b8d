/* Who we are to other nodes, and connecting to their workers. */
#include "peer/peer.h"

#include "base/alloc.h"
#include "base/log.h"
#include "net/tcp.h"
#include "peer/internal.h"
#include "peer/secret_file.h"

#include <errno.h>
#include <stdlib.h>

enum err peer_create(const struct peer_config *config, struct peer **out, struct buf *why)
{
    struct peer *peer = xcalloc(1, sizeof(*peer));
    peer->config = *config;
    enum err err = peer_reload(peer, why);
    if (err) {
        peer_destroy(peer);
        return err;
    }
    if (config->secret_file) {
        peer->tls = peer_tls_create(&peer->secrets);
    }
    *out = peer;
    return ERR_OK;
}

enum err peer_reload(struct peer *peer, struct buf *why)
{
    const char *path = peer->config.secret_file;
    return path ? secret_file_read(path, &peer->secrets, why) : ERR_OK;
}

bool peer_renew(struct peer *peer)
{
    struct buf why = {0};
    bool good = !peer || !peer_reload(peer, &why);
    if (!good) {
        log_error(NULL, "the cluster secret stays as it was", LOG_STR("why", buf_str(&why)));
    }
    buf_finish(&why);
    return good;
}

void peer_destroy(struct peer *peer)
{
    if (peer) {
        peer_tls_destroy(peer->tls);
        secret_wipe(&peer->secrets, sizeof(peer->secrets));
        free(peer);
    }
}

static struct str rest_of(struct str address, struct str scheme)
{
    return (struct str){address.ptr + scheme.len, address.len - scheme.len};
}

static struct stream *connect_unix(struct event_base *base, struct str path, struct buf *output,
                                   const struct stream_handlers *handlers, void *ctx,
                                   struct buf *why)
{
    char *text = xstrndup(path.ptr, path.len);
    int fd = stream_connect_unix(text);
    free(text);
    if (fd < 0) {
        buf_printf(why, "%s", strerror(errno));
        return NULL;
    }
    return stream_create(base, fd, output, handlers, ctx);
}

static int connect_tcp(const struct peer *peer, struct str text, struct buf *why)
{
    struct address address;
    if (peer->secrets.count == 0) {
        buf_printf(why, "it is on another node, and there is no --cluster-secret-file");
        return -1;
    }
    int fd = address_parse(text, &address) ? -1 : tcp_connect(&address);
    if (fd < 0) {
        buf_printf(why, "%s", errno ? strerror(errno) : "not an address");
    }
    return fd;
}

struct stream *peer_connect(struct peer *peer, struct event_base *base,
                            const struct peer_target *target, struct buf *output,
                            const struct stream_handlers *handlers, void *ctx, struct buf *why)
{
    static const struct str unix_scheme = {"unix:", 5};
    static const struct str tcp_scheme = {"tcp:", 4};
    static const struct str tls_scheme = {"tls:", 4};
    errno = 0;
    if (str_starts(target->address, unix_scheme)) {
        return connect_unix(base, rest_of(target->address, unix_scheme), output, handlers, ctx,
                            why);
    }
    bool tls = str_starts(target->address, tls_scheme);
    if (!tls && !str_starts(target->address, tcp_scheme)) {
        buf_printf(why, "no address that we know how to use");
        return NULL;
    }
    int fd = connect_tcp(peer, rest_of(target->address, tcp_scheme), why);
    if (fd < 0) {
        return NULL;
    }
    struct buf hello = {0};
    struct stream *stream = stream_create(base, fd, output, handlers, ctx);
    struct stream_filter *filter =
        tls ? tls_filter_create(peer->tls, PEER_CONNECTS, &hello)
            : proof_filter_create(peer, PEER_CONNECTS, target->worker, &hello);
    stream_filter(stream, filter, &hello, PEER_CONNECT_MS);
    buf_finish(&hello);
    return stream;
}
