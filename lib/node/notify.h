/* What systemd is told of a unit of Type=notify (sd_notify(3)). Without libsystemd at build time,
 * or when nobody listens ($NOTIFY_SOCKET), nothing happens. */
#ifndef NODE_NOTIFY_H
#define NODE_NOTIFY_H

#include <stdint.h>

/* It serves, also again after notify_reloading. `status` is one line for people. */
void notify_ready(const char *status);
/* Workers are being replaced. */
void notify_reloading(void);
/* It ends, which may take `limit_ms`: the unit's own limit is not to cut that short. */
void notify_stopping(const char *status, uint64_t limit_ms);
/* What `systemctl status` shows. Sent if it is another than before. */
void notify_status(const char *status);

/* How often notify_alive is to be called at least; 0: nobody asks. */
uint64_t notify_watchdog_ms(void);
void notify_alive(void);

#endif
