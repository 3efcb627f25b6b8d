/* Words for systemd. */
#include "node/notify.h"

#ifdef HAVE_LIBSYSTEMD

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

static char last_status[256];

static void remember(const char *status)
{
    snprintf(last_status, sizeof(last_status), "%s", status);
}

void notify_ready(const char *status)
{
    remember(status);
    sd_notifyf(0, "READY=1\nSTATUS=%s", last_status);
}

void notify_reloading(void)
{
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=replacing all workers",
               clock_us());
    remember("");
}

void notify_stopping(const char *status, uint64_t limit_ms)
{
    remember(status);
    sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64 "\nSTATUS=%s", limit_ms * 1000,
               last_status);
}

void notify_status(const char *status)
{
    if (strncmp(status, last_status, sizeof(last_status) - 1) != 0) {
        remember(status);
        sd_notifyf(0, "STATUS=%s", last_status);
    }
}

uint64_t notify_watchdog_ms(void)
{
    uint64_t usec = 0;
    return sd_watchdog_enabled(0, &usec) > 0 ? usec / 1000 / 2 : 0;
}

void notify_alive(void)
{
    sd_notify(0, "WATCHDOG=1");
}

#else

void notify_ready(const char *status)
{
    (void)status;
}

void notify_reloading(void)
{
}

void notify_stopping(const char *status, uint64_t limit_ms)
{
    (void)status;
    (void)limit_ms;
}

void notify_status(const char *status)
{
    (void)status;
}

uint64_t notify_watchdog_ms(void)
{
    return 0;
}

void notify_alive(void)
{
}

#endif
