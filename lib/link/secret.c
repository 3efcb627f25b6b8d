/* Secrets and what is derived from them. */
#include "link/secret.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static void hmac(struct str key, struct str message, uint8_t out[SECRET_KEY_LEN])
{
    unsigned len = 0;
    const uint8_t *done = HMAC(EVP_sha256(), key.ptr, (int)key.len, (const uint8_t *)message.ptr,
                               message.len, out, &len);
    assert(done && len == SECRET_KEY_LEN);
}

void secret_tag(const uint8_t key[SECRET_KEY_LEN], struct str message, uint8_t out[SECRET_KEY_LEN])
{
    hmac((struct str){(const char *)key, SECRET_KEY_LEN}, message, out);
}

bool secret_tag_eq(const uint8_t a[SECRET_KEY_LEN], const uint8_t b[SECRET_KEY_LEN])
{
    return CRYPTO_memcmp(a, b, SECRET_KEY_LEN) == 0;
}

void secret_wipe(void *data, size_t len)
{
    OPENSSL_cleanse(data, len);
}

void secret_extract(struct str salt, struct str input, struct secret *out)
{
    hmac(salt, input, out->prk);
}

void secret_expand(const struct secret *secret, struct str label, struct str context,
                   uint8_t out[SECRET_KEY_LEN])
{
    /* One block of SHA-256 is all that is asked for, so T(1) is the result. */
    struct buf info = {0};
    buf_append_str(&info, label);
    buf_append_str(&info, context);
    buf_append_byte(&info, 1);
    secret_tag(secret->prk, buf_str(&info), out);
    buf_finish(&info);
}

/* ---- the file ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct str trim(struct str line)
{
    while (line.len > 0 && is_blank(line.ptr[0])) {
        line.ptr++;
        line.len--;
    }
    while (line.len > 0 && is_blank(line.ptr[line.len - 1])) {
        line.len--;
    }
    return line;
}

static enum err add(struct secrets *secrets, struct str line, struct buf *why)
{
    if (secrets->count == SECRETS_MAX) {
        buf_printf(why, "it has more than %d lines", SECRETS_MAX);
        return ERR_MALFORMED;
    }
    if (line.len < SECRET_MIN) {
        buf_printf(why,
                   "line %u is shorter than %d bytes; `openssl rand -base64 32` makes a good one",
                   secrets->count + 1, SECRET_MIN);
        return ERR_MALFORMED;
    }
    secret_extract(STR("roomd cluster secret"), line, &secrets->of[secrets->count++]);
    return ERR_OK;
}

enum err secrets_parse(struct str text, struct secrets *out, struct buf *why)
{
    struct secrets secrets = {0};
    enum err err = ERR_OK;
    while (!err && text.len > 0) {
        const char *newline = memchr(text.ptr, '\n', text.len);
        size_t len = newline ? (size_t)(newline - text.ptr) : text.len;
        struct str line = trim((struct str){text.ptr, len});
        err = line.len > 0 ? add(&secrets, line, why) : ERR_OK;
        size_t step = len + (newline ? 1 : 0);
        text = (struct str){text.ptr + step, text.len - step};
    }
    if (!err && secrets.count == 0) {
        buf_printf(why, "it is empty");
        err = ERR_MALFORMED;
    }
    if (!err) {
        *out = secrets;
    }
    secret_wipe(&secrets, sizeof(secrets));
    return err;
}
