/* OpenSSL, as a client that checks who answers. */
#include "store/tls.h"

#include "base/alloc.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct tls {
    SSL_CTX *context;
    char *sni; /* owned; NULL: by the host */
};

static bool fail(struct buf *why, const char *what, const char *file)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    buf_printf(why, "%s %s: %s", what, file, reason ? reason : "it cannot be used");
    ERR_clear_error();
    return false;
}

static bool read_files(SSL_CTX *context, const struct redis_url *url, struct buf *why)
{
    if (url->cacert ? !SSL_CTX_load_verify_locations(context, url->cacert, NULL)
                    : !SSL_CTX_set_default_verify_paths(context)) {
        return fail(why, "cacert", url->cacert ? url->cacert : "of the system");
    }
    if (url->cert && SSL_CTX_use_certificate_chain_file(context, url->cert) != 1) {
        return fail(why, "cert", url->cert);
    }
    if (url->key && (SSL_CTX_use_PrivateKey_file(context, url->key, SSL_FILETYPE_PEM) != 1 ||
                     SSL_CTX_check_private_key(context) != 1)) {
        return fail(why, "key", url->key);
    }
    return true;
}

struct tls *tls_create(const struct redis_url *url, struct buf *why)
{
    struct tls *tls = xcalloc(1, sizeof(*tls));
    ERR_clear_error();
    tls->context = SSL_CTX_new(TLS_client_method());
    assert(tls->context); /* memory ran out */
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    /* What waits to be written moves within libevent's buffers. */
    SSL_CTX_set_mode(tls->context,
                     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
    tls->sni = url->sni ? xstrdup(url->sni) : NULL;
    if (!read_files(tls->context, url, why)) {
        tls_destroy(tls);
        return NULL;
    }
    return tls;
}

void tls_destroy(struct tls *tls)
{
    if (tls) {
        SSL_CTX_free(tls->context);
        free(tls->sni);
        free(tls);
    }
}

SSL *tls_session(const struct tls *tls, const struct address *address)
{
    const char *name = tls->sni ? tls->sni : address->host;
    unsigned char bytes[16];
    SSL *session = SSL_new(tls->context);
    assert(session);
    if (inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name);
    } else {
        SSL_set1_host(session, name);
        SSL_set_tlsext_host_name(session, name); /* RFC 6066 3: names only */
    }
    return session;
}

const char *tls_trouble(const SSL *session, unsigned long error)
{
    long verdict = SSL_get_verify_result(session);
    if (verdict != X509_V_OK) {
        return X509_verify_cert_error_string(verdict);
    }
    const char *reason = ERR_reason_error_string(error);
    return reason ? reason : "the server closed the connection during the TLS handshake";
}
