/* TCP between nodes: connecting, and how a socket notices that nobody is there any more
 * (proto/cluster.md, "When a link breaks"). */
#ifndef NET_TCP_H
#define NET_TCP_H

#include "base/address.h"
#include "base/buf.h"

/* Sends at once, and asks a silent end every second whether it is there. Its machine answers,
 * however busy the process is. */
void tcp_tune(int fd);

/* Milliseconds since the other end's machine has acknowledged anything; 0 for another kind of
 * socket. The kernel ends a connection by itself too, but counts from when it first had to repeat
 * something: what is said to a machine that is gone already begins that anew. */
uint64_t tcp_silence_ms(int fd);
/* Of a tuned socket: then nobody is there. Three questions in a row went unanswered. */
enum { TCP_SILENCE_MS = 5000 };

/* A tuned socket, connecting; the host must be numeric, so that nothing waits for a name server. -1
 * with errno. */
int tcp_connect(const struct address *address);

/* Whose socket's other end it is, as text; "?" if it is gone already. */
void tcp_peer_name(int fd, char out[ADDRESS_TEXT_MAX]);

/* Writes the first numeric address of a host into `out`. May wait for a name server. ERR_NOT_FOUND:
 * `why` gets a phrase for people. */
enum err tcp_resolve(const char *host, char out[ADDRESS_HOST_MAX + 1], struct buf *why) NODISCARD;

/* Whether it is an address that stands for all of a machine's, such as 0.0.0.0; nobody can connect
 * to that. */
bool tcp_is_wildcard(const char *host);

#endif
