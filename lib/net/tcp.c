/* TCP sockets between nodes. */
#include "net/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEEP_IDLE_S = 2, KEEP_EVERY_S = 1, KEEP_PROBES = 3, UNACKNOWLEDGED_MS = TCP_SILENCE_MS };

/* The user timeout counts from the first retransmission, and a connection that was made amid losses
 * may wait 7 s for that one. Linux 6.15; headers of before do not have the name. */
#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif
enum { RETRANSMIT_WITHIN_MS = 1000 };

static void set(int fd, int level, int option, int value)
{
    /* What a kernel does not know costs speed or patience, nothing else. */
    (void)setsockopt(fd, level, option, &value, sizeof(value));
}

void tcp_tune(int fd)
{
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EVERY_S);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES);
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS);
    set(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, RETRANSMIT_WITHIN_MS);
}

uint64_t tcp_silence_ms(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) ? 0 : info.tcpi_last_ack_recv;
}

static int look_up(const char *host, const char *port, int flags, struct addrinfo **out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    return getaddrinfo(host, port, &hints, out);
}

int tcp_connect(const struct address *address)
{
    char port[8];
    struct addrinfo *info;
    snprintf(port, sizeof(port), "%u", address->port);
    if (look_up(address->host, port, AI_NUMERICHOST | AI_NUMERICSERV, &info)) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        tcp_tune(fd);
        if (connect(fd, info->ai_addr, info->ai_addrlen) && errno != EINPROGRESS) {
            int saved = errno;
            close(fd);
            errno = saved;
            fd = -1;
        }
    }
    freeaddrinfo(info);
    return fd;
}

void tcp_peer_name(int fd, char out[ADDRESS_TEXT_MAX])
{
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    struct address found = {0};
    if (getpeername(fd, (struct sockaddr *)&name, &len) ||
        getnameinfo((struct sockaddr *)&name, len, found.host, sizeof(found.host), NULL, 0,
                    NI_NUMERICHOST)) {
        snprintf(out, ADDRESS_TEXT_MAX, "?");
        return;
    }
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&name;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&name;
    found.port = ntohs(name.ss_family == AF_INET6 ? v6->sin6_port : v4->sin_port);
    address_format(&found, out);
}

enum err tcp_resolve(const char *host, char out[ADDRESS_HOST_MAX + 1], struct buf *why)
{
    struct addrinfo *info;
    int failed = look_up(host, NULL, 0, &info);
    if (!failed) {
        failed = getnameinfo(info->ai_addr, info->ai_addrlen, out, ADDRESS_HOST_MAX + 1, NULL, 0,
                             NI_NUMERICHOST);
        freeaddrinfo(info);
    }
    if (failed) {
        buf_printf(why, "%s", gai_strerror(failed));
        return ERR_NOT_FOUND;
    }
    return ERR_OK;
}

bool tcp_is_wildcard(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    return (inet_pton(AF_INET, host, &v4) == 1 && v4.s_addr == htonl(INADDR_ANY)) ||
           (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6));
}
