/* Listening TCP sockets. */
#include "net/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel lowers it to net.core.somaxconn. */
#define BACKLOG 4096

static enum err fail(struct buf *why, int number)
{
    buf_printf(why, "%s", strerror(number));
    return number == EADDRINUSE ? ERR_EXISTS : ERR_IO;
}

static enum err look_up(const struct address *address, struct addrinfo **out, struct buf *why)
{
    char port[8];
    snprintf(port, sizeof(port), "%u", address->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    int failed = getaddrinfo(address->host, port, &hints, out);
    if (failed) {
        buf_printf(why, "%s", gai_strerror(failed));
        return ERR_NOT_FOUND;
    }
    return ERR_OK;
}

static enum err bind_socket(const struct addrinfo *info, enum listen_mode mode, int *out,
                            struct buf *why)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return fail(why, errno);
    }
    /* REUSEADDR lets connections of an earlier start linger; who listens is still in the way. */
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        (mode == LISTEN_SHARED && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on))) ||
        bind(fd, info->ai_addr, info->ai_addrlen)) {
        int number = errno;
        close(fd);
        return fail(why, number);
    }
    *out = fd;
    return ERR_OK;
}

static enum err read_bound(int fd, struct address *bound, struct buf *why)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    char port[8];
    struct address found = {0};
    if (getsockname(fd, (struct sockaddr *)&name, &len)) {
        return fail(why, errno);
    }
    int failed = getnameinfo((struct sockaddr *)&name, len, found.host, sizeof(found.host), port,
                             sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
    if (failed) {
        buf_printf(why, "%s", gai_strerror(failed));
        return ERR_IO;
    }
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&name;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&name;
    found.port = ntohs(name.ss_family == AF_INET6 ? v6->sin6_port : v4->sin_port);
    *bound = found;
    return ERR_OK;
}

enum err listen_open(const struct address *address, enum listen_mode mode, int *out,
                     struct address *bound, struct buf *why)
{
    struct addrinfo *info;
    enum err err = look_up(address, &info, why);
    if (err) {
        return err;
    }
    int fd = -1;
    err = bind_socket(info, mode, &fd, why);
    if (!err && listen(fd, BACKLOG)) {
        err = fail(why, errno);
    }
    if (!err && bound) {
        err = read_bound(fd, bound, why);
    }
    freeaddrinfo(info);
    if (err) {
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    *out = fd;
    return ERR_OK;
}

enum err listen_reserve(const struct address *address, int *out, struct address *bound,
                        struct buf *why)
{
    struct addrinfo *info;
    enum err err = look_up(address, &info, why);
    if (err) {
        return err;
    }
    /* Shared sockets would happily join another server's, so ask without sharing first. */
    int probe = -1, fd = -1;
    err = bind_socket(info, LISTEN_ALONE, &probe, why);
    if (probe >= 0) {
        close(probe);
    }
    if (!err) {
        err = bind_socket(info, LISTEN_SHARED, &fd, why);
    }
    if (!err) {
        err = read_bound(fd, bound, why);
    }
    freeaddrinfo(info);
    if (err) {
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    *out = fd;
    return ERR_OK;
}
