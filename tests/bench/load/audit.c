/* Shapes in a connect reply, by their stamps. */
#include "audit.h"
#include "load.h"

static bool has_stamp(enum encoding encoding, struct str reply, uint64_t us)
{
    uint64_t found;
    while (scan_stamp(encoding, &reply, &found)) {
        if (found == us) {
            return true;
        }
    }
    return false;
}

void audit_room(const struct client *auditor, struct str connect_reply)
{
    struct load *load = auditor->load;
    for (size_t i = 0; i < load->client_count; i++) {
        const struct client *client = &load->clients[i];
        if (client->room != auditor->room || !client->moves_shape || client->kept_us == 0 ||
            client->said != client->heard) {
            continue;
        }
        load->audited++;
        if (!has_stamp(load->options.encoding, connect_reply, client->kept_us)) {
            load->missing++;
            load_trouble(load, client, "an acknowledged push is gone", 0);
        }
    }
}
