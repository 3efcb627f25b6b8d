/* roomctl ready */
#include "roomctl/internal.h"

#include "value/json.h"

enum { NOT_READY = 503 };

/* {"ready":false,"reasons":["a line of what the node said", ...]} */
static enum ctl_exit print_json(bool ready, struct str reasons)
{
    struct buf text = {0};
    buf_printf(&text, "{\"ready\":%s,\"reasons\":[", ready ? "true" : "false");
    for (bool first = true; !ready && reasons.len > 0; first = false) {
        const char *end = memchr(reasons.ptr, '\n', reasons.len);
        size_t len = end ? (size_t)(end - reasons.ptr) : reasons.len;
        buf_append_str(&text, first ? STR("") : STR(","));
        json_write_string((struct str){reasons.ptr, len}, &text);
        size_t step = len + (end ? 1 : 0);
        reasons = (struct str){reasons.ptr + step, reasons.len - step};
    }
    buf_append_str(&text, STR("]}\n"));
    enum ctl_exit status = ctl_print(&text);
    buf_finish(&text);
    return status;
}

static enum ctl_exit tell(const struct ctl *ctl, const struct http_response *response)
{
    bool ready = response->status == 200;
    struct str reasons = buf_str(&response->body);
    enum ctl_exit status = CTL_OK;
    if (ctl->options.json) {
        status = print_json(ready, reasons);
    } else if (ready) {
        struct buf text = {0};
        buf_append_str(&text, STR("ready\n"));
        status = ctl_print(&text);
        buf_finish(&text);
    } else {
        while (reasons.len > 0 && reasons.ptr[reasons.len - 1] == '\n') {
            reasons.len--;
        }
        ctl_complain("not ready: %.*s", STR_ARG(reasons));
    }
    return status ? status : ready ? CTL_OK : CTL_FAILED;
}

enum ctl_exit ctl_ready(struct ctl *ctl)
{
    struct http_request request = {.method = "GET", .path = "/readyz", .limit_s = CTL_LIMIT_S};
    struct http_response response;
    struct buf why = {0};
    char address[ADDRESS_TEXT_MAX];
    enum ctl_exit status;
    if (http_client_ask(ctl->http, &request, &response, &why)) {
        ctl_complain("no answer from %s: %.*s", address_format(&ctl->options.admin, address),
                     STR_ARG(buf_str(&why)));
        status = CTL_UNREACHABLE;
    } else if (response.status != 200 && response.status != NOT_READY) {
        ctl_complain("the answer has status %d; is %s the admin port of a roomd?", response.status,
                     address_format(&ctl->options.admin, address));
        status = CTL_FAILED;
    } else {
        status = tell(ctl, &response);
    }
    buf_finish(&response.body);
    buf_finish(&why);
    return status;
}
