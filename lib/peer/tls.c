/* TLS 1.3 with the cluster's secret as external pre-shared key (RFC 8446 4.2.11), as a stream's
 * filter. No certificates, tickets or early data; always (EC)DHE. */
#include "base/alloc.h"
#include "peer/internal.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

enum { IDENTITY_BYTES = 16, STRANGER_BYTES = 16 << 10, READ_SIZE = 16 << 10 };

/* Both go with the hash that the key is for. */
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
static const uint8_t suite_of_psk[] = {0x13, 0x01};

struct peer_tls {
    SSL_CTX *context;
    const struct secrets *secrets;
};

struct tls_filter {
    struct stream_filter filter;
    SSL *ssl;
    BIO *in, *out;  /* the ssl's */
    size_t strange; /* bytes that came before it was open */
};

/* ---- keys ---- */

static void write_identity(const struct secret *secret, char out[2 * IDENTITY_BYTES + 1])
{
    uint8_t bytes[SECRET_KEY_LEN];
    secret_expand(secret, STR("roomd link tls identity"), (struct str){0}, bytes);
    for (int i = 0; i < IDENTITY_BYTES; i++) {
        snprintf(out + (size_t)2 * (size_t)i, 3, "%02x", bytes[i]);
    }
}

static SSL_SESSION *session_of(SSL *ssl, const struct secret *secret)
{
    uint8_t key[SECRET_KEY_LEN];
    secret_expand(secret, STR("roomd link tls psk"), (struct str){0}, key);
    SSL_SESSION *session = SSL_SESSION_new();
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite_of_psk);
    bool made = session && cipher && SSL_SESSION_set1_master_key(session, key, sizeof(key)) &&
                SSL_SESSION_set_cipher(session, cipher) &&
                SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION);
    secret_wipe(key, sizeof(key));
    assert(made);
    return session;
}

static const struct peer_tls *tls_of(SSL *ssl)
{
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

/* Who connects: by the first secret. */
static int use_session(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_len,
                       SSL_SESSION **session)
{
    static char identity[2 * IDENTITY_BYTES + 1]; /* copied as soon as this returns */
    const struct secret *secret = &tls_of(ssl)->secrets->of[0];
    *session = NULL;
    if (md && EVP_MD_get_type(md) != NID_sha256) {
        return 1; /* the key is for that hash only */
    }
    write_identity(secret, identity);
    *id = (const unsigned char *)identity;
    *id_len = sizeof(identity) - 1;
    *session = session_of(ssl, secret);
    return 1;
}

/* Who accepts: by whichever it was. */
static int find_session(SSL *ssl, const unsigned char *id, size_t id_len, SSL_SESSION **session)
{
    const struct secrets *secrets = tls_of(ssl)->secrets;
    struct str wanted = {(const char *)id, id_len};
    *session = NULL;
    for (unsigned i = 0; i < secrets->count && !*session; i++) {
        char identity[2 * IDENTITY_BYTES + 1];
        write_identity(&secrets->of[i], identity);
        if (str_eq(wanted, str_of(identity))) {
            *session = session_of(ssl, &secrets->of[i]);
        }
    }
    return 1;
}

struct peer_tls *peer_tls_create(const struct secrets *secrets)
{
    struct peer_tls *tls = xcalloc(1, sizeof(*tls));
    tls->secrets = secrets;
    tls->context = SSL_CTX_new(TLS_method());
    bool made = tls->context && SSL_CTX_set_min_proto_version(tls->context, TLS1_3_VERSION) &&
                SSL_CTX_set_ciphersuites(tls->context, SUITES) &&
                SSL_CTX_set_num_tickets(tls->context, 0);
    assert(made);
    SSL_CTX_set_app_data(tls->context, tls);
    SSL_CTX_set_options(tls->context, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_psk_use_session_callback(tls->context, use_session);
    SSL_CTX_set_psk_find_session_callback(tls->context, find_session);
    return tls;
}

void peer_tls_destroy(struct peer_tls *tls)
{
    if (tls) {
        SSL_CTX_free(tls->context);
        free(tls);
    }
}

/* ---- bytes ---- */

static void drain(struct tls_filter *tls, struct buf *wire)
{
    int n;
    while ((n = BIO_read(tls->out, buf_reserve(wire, READ_SIZE), READ_SIZE)) > 0) {
        buf_commit(wire, (size_t)n);
    }
}

/* What came is no TLS at all, or it is, and the key was not right. */
static enum err why_failed(void)
{
    switch (ERR_GET_REASON(ERR_peek_error())) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNEXPECTED_MESSAGE:
        return ERR_MALFORMED;
    default:
        return ERR_REFUSED;
    }
}

static enum err shake_hands(struct tls_filter *tls)
{
    int done = SSL_do_handshake(tls->ssl);
    if (done == 1) {
        /* Not by a key of ours: that cannot be, and would be the end of all safety. */
        tls->filter.open = SSL_session_reused(tls->ssl) == 1;
        return tls->filter.open ? ERR_OK : ERR_REFUSED;
    }
    return SSL_get_error(tls->ssl, done) == SSL_ERROR_WANT_READ ? ERR_OK : why_failed();
}

static enum err read_all(struct tls_filter *tls, struct buf *plain)
{
    int n;
    while ((n = SSL_read(tls->ssl, buf_reserve(plain, READ_SIZE), READ_SIZE)) > 0) {
        buf_commit(plain, (size_t)n);
    }
    switch (SSL_get_error(tls->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        return ERR_OK;
    case SSL_ERROR_ZERO_RETURN:
        return ERR_CLOSED;
    default:
        return ERR_MALFORMED;
    }
}

static void put(struct tls_filter *tls, const uint8_t *data, size_t len)
{
    int taken = len > 0 ? BIO_write(tls->in, data, (int)len) : 0;
    assert(taken == (int)len);
}

/* Takes as many bytes of a stranger's as it may still say; *used of them. What it says as soon as
 * it has proven itself may come in one piece with that, and is not meant. */
static enum err hear_stranger(struct tls_filter *tls, const uint8_t *data, size_t len, size_t *used)
{
    size_t rest = STRANGER_BYTES - tls->strange;
    *used = len < rest ? len : rest;
    tls->strange += *used;
    put(tls, data, *used);
    enum err err = shake_hands(tls);
    return !err && !tls->filter.open && *used < len ? ERR_TOO_LARGE : err;
}

static enum err input(struct stream_filter *filter, const uint8_t *data, size_t len,
                      struct buf *plain, struct buf *wire)
{
    struct tls_filter *tls = (struct tls_filter *)filter;
    size_t used = 0;
    ERR_clear_error();
    enum err err = filter->open ? ERR_OK : hear_stranger(tls, data, len, &used);
    if (!err && filter->open) {
        put(tls, data + used, len - used);
        err = read_all(tls, plain);
    }
    drain(tls, wire); /* an alert too */
    return err;
}

static enum err output(struct stream_filter *filter, const uint8_t *data, size_t len,
                       struct buf *wire)
{
    struct tls_filter *tls = (struct tls_filter *)filter;
    ERR_clear_error();
    int n = SSL_write(tls->ssl, data, (int)len);
    drain(tls, wire);
    return n == (int)len ? ERR_OK : ERR_IO;
}

static void destroy(struct stream_filter *filter)
{
    struct tls_filter *tls = (struct tls_filter *)filter;
    SSL_free(tls->ssl); /* and its BIOs */
    free(tls);
}

struct stream_filter *tls_filter_create(const struct peer_tls *tls, enum peer_side side,
                                        struct buf *hello)
{
    struct tls_filter *made = xcalloc(1, sizeof(*made));
    made->filter = (struct stream_filter){.input = input, .output = output, .destroy = destroy};
    made->ssl = SSL_new(tls->context);
    made->in = BIO_new(BIO_s_mem());
    made->out = BIO_new(BIO_s_mem());
    assert(made->ssl && made->in && made->out);
    BIO_set_mem_eof_return(made->in, -1); /* more may come */
    SSL_set_bio(made->ssl, made->in, made->out);
    if (side == PEER_CONNECTS) {
        SSL_set_connect_state(made->ssl);
        /* No certificate convinces us, for there are no authorities. */
        SSL_set_verify(made->ssl, SSL_VERIFY_PEER, NULL);
        SSL_do_handshake(made->ssl); /* says hello, and waits */
        drain(made, hello);
    } else {
        SSL_set_accept_state(made->ssl);
    }
    return &made->filter;
}
