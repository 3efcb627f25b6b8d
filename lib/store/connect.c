/* Unix sockets and TCP. */
#include "store/connect.h"

#include "net/stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_unix(const char *path, struct buf *why)
{
    int fd = stream_connect_unix(path);
    if (fd < 0) {
        buf_append_str(why, errno == ENAMETOOLONG ? STR("the path of the socket is too long")
                                                  : str_of(strerror(errno)));
    }
    return fd;
}

/* IPv4 comes first: "localhost" is ::1 too, where Redis does not listen by default. */
static int look_up(const struct address *address, struct addrinfo **out)
{
    static const int families[] = {AF_INET, AF_INET6};
    char port[8];
    int error = 0;
    snprintf(port, sizeof(port), "%u", address->port);
    for (size_t i = 0; i < 2; i++) {
        struct addrinfo want = {.ai_family = families[i], .ai_socktype = SOCK_STREAM};
        error = getaddrinfo(address->host, port, &want, out);
        if (!error) {
            break;
        }
    }
    return error;
}

static int connect_tcp(const struct address *address, struct buf *why)
{
    struct addrinfo *found;
    int error = look_up(address, &found);
    if (error) {
        buf_append_str(why, str_of(gai_strerror(error)));
        return -1;
    }
    int on = 1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    if (fd < 0 || (connect(fd, found->ai_addr, found->ai_addrlen) && errno != EINPROGRESS)) {
        buf_append_str(why, str_of(strerror(errno)));
        if (fd >= 0) {
            close(fd);
        }
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

int connect_begin(const struct conn_target *target, struct buf *why)
{
    return target->socket_path ? connect_unix(target->socket_path, why)
                               : connect_tcp(target->address, why);
}

int connect_result(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) ? errno : error;
}
