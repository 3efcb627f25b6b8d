/* Listening sockets: who may share a port with whom. */
#include "net/listen.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static void check_text(const char *got, const char *want)
{
    cr_assert(zero(int, strcmp(got, want)), "got \"%s\", want \"%s\"", got, want);
}

static struct address any_port(void)
{
    struct address address;
    cr_assert(eq(int, address_parse(STR("127.0.0.1:0"), &address), ERR_OK));
    return address;
}

Test(listen, a_port_in_use_is_told)
{
    struct address wanted = any_port(), bound, again;
    struct buf why = {0};
    int fd, other;
    cr_assert(eq(int, listen_open(&wanted, LISTEN_ALONE, &fd, &bound, &why), ERR_OK));
    cr_assert(ne(u16, bound.port, 0));
    check_text(bound.host, "127.0.0.1");
    cr_assert(eq(int, listen_open(&bound, LISTEN_ALONE, &other, NULL, &why), ERR_EXISTS));
    cr_assert(eq(int, listen_open(&bound, LISTEN_SHARED, &other, NULL, &why), ERR_EXISTS));
    cr_assert(eq(int, listen_reserve(&bound, &other, &again, &why), ERR_EXISTS));
    cr_assert(gt(sz, buf_len(&why), 0));
    buf_finish(&why);
    close(fd);
}

Test(listen, a_reserved_port_is_for_shared_sockets_which_get_all_connections)
{
    struct address wanted = any_port(), bound, again;
    struct buf why = {0};
    int reserved, first, second, other;
    cr_assert(eq(int, listen_reserve(&wanted, &reserved, &bound, &why), ERR_OK));
    cr_assert(eq(int, listen_open(&bound, LISTEN_SHARED, &first, NULL, &why), ERR_OK));
    cr_assert(eq(int, listen_open(&bound, LISTEN_SHARED, &second, NULL, &why), ERR_OK));
    cr_assert(eq(int, listen_reserve(&bound, &other, &again, &why), ERR_EXISTS));
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(bound.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    enum { CLIENTS = 16 };
    int clients[CLIENTS], accepted = 0;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        cr_assert(eq(int, connect(clients[i], (struct sockaddr *)&to, sizeof(to)), 0));
    }
    for (int fd; (fd = accept(first, NULL, NULL)) >= 0; accepted++) {
        close(fd);
    }
    for (int fd; (fd = accept(second, NULL, NULL)) >= 0; accepted++) {
        close(fd);
    }
    cr_assert(eq(int, accepted, CLIENTS));
    for (int i = 0; i < CLIENTS; i++) {
        close(clients[i]);
    }
    close(first);
    close(second);
    close(reserved);
    buf_finish(&why);
}

Test(listen, a_host_that_is_none_is_told)
{
    struct address wanted;
    struct buf why = {0};
    int fd;
    cr_assert(eq(int, address_parse(STR("no.such.host.invalid:1"), &wanted), ERR_OK));
    cr_assert(eq(int, listen_open(&wanted, LISTEN_ALONE, &fd, NULL, &why), ERR_NOT_FOUND));
    cr_assert(gt(sz, buf_len(&why), 0));
    buf_finish(&why);
}
