/* The built-in demo, and readiness, over HTTP. */
#include "gateway/pages.h"

extern const unsigned char page_index[], page_css[], page_demo[], page_diff[], page_sync[];
extern const size_t page_index_len, page_css_len, page_demo_len, page_diff_len, page_sync_len;

static const struct page {
    const char *path, *type;
    const unsigned char *data;
    const size_t *len;
} pages[] = {
    {"/", "text/html; charset=utf-8", page_index, &page_index_len},
    {"/demo.css", "text/css; charset=utf-8", page_css, &page_css_len},
    {"/demo.js", "text/javascript; charset=utf-8", page_demo, &page_demo_len},
    {"/diff.js", "text/javascript; charset=utf-8", page_diff, &page_diff_len},
    {"/sync.js", "text/javascript; charset=utf-8", page_sync, &page_sync_len},
};

void pages_write_error(struct buf *out, int status, const char *phrase, const char *extra,
                       const char *text)
{
    buf_printf(out,
               "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
               "Content-Length: %zu\r\nConnection: close\r\n%s\r\n%s\n",
               status, phrase, strlen(text) + 1, extra, text);
}

static void write_page(struct buf *out, const struct page *page, bool head)
{
    buf_printf(out,
               "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
               "Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n"
               "Content-Security-Policy: default-src 'self'; img-src 'self' data:; connect-src "
               "'self' ws: wss:\r\n"
               "Connection: close\r\n\r\n",
               page->type, *page->len);
    if (!head) {
        buf_append(out, page->data, *page->len);
    }
}

static void write_ready(struct buf *out, const char *trouble, bool head)
{
    const char *text = trouble ? trouble : "ready";
    buf_printf(out,
               "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
               "Content-Length: %zu\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
               trouble ? "503 Service Unavailable" : "200 OK", strlen(text) + 1);
    if (!head) {
        buf_printf(out, "%s\n", text);
    }
}

void pages_answer(struct buf *out, const struct request *request, const char *trouble)
{
    struct str path = request_path(request);
    if (!request_is_get(request)) {
        pages_write_error(out, 405, "Method Not Allowed", "Allow: GET, HEAD\r\n",
                          "only GET and HEAD are answered here");
        return;
    }
    if (str_eq(path, STR("/readyz"))) {
        write_ready(out, trouble, request_is_head(request));
        return;
    }
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (str_eq(path, str_of(pages[i].path))) {
            write_page(out, &pages[i], request_is_head(request));
            return;
        }
    }
    pages_write_error(out, 404, "Not Found", "", "there is nothing here");
}
