/* Who reaches whom. */
#include "simulator/network.h"

/* From the end of a cut until nobody is closed for it any more: those who try for 6 s to reach an
 * owner, once they know that a connection is gone. */
enum { AFTERMATH_US = 15000000 };

static struct {
    uint64_t since[NETWORK_PLACES][NETWORK_PLACES], until[NETWORK_PLACES][NETWORK_PLACES];
    uint64_t trouble_until;
} network;

void network_begin(void)
{
    network = (typeof(network)){0};
}

static void cut_one_way(int from, int to, uint64_t until)
{
    if (network.until[from][to] <= world_us()) {
        network.since[from][to] = world_us();
    }
    if (until > network.until[from][to]) {
        network.until[from][to] = until;
    }
}

void network_cut(int a, int b, uint64_t us)
{
    trace("nodes %d and %d are cut off from each other", a + 1, b + 1);
    cut_one_way(a, b, world_us() + us);
    cut_one_way(b, a, world_us() + us);
    network_trouble(us);
}

uint64_t network_cut_until(int a, int b)
{
    return network.until[a][b] > world_us() ? network.until[a][b] : 0;
}

uint64_t network_cut_for(int a, int b)
{
    return network_cut_until(a, b) ? world_us() - network.since[a][b] : 0;
}

void network_trouble(uint64_t us)
{
    uint64_t until = world_us() + us + AFTERMATH_US;
    network.trouble_until = until > network.trouble_until ? until : network.trouble_until;
}

bool network_is_calm(void)
{
    return world_us() >= network.trouble_until;
}
