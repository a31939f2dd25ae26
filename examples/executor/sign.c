/* Signed requests: a time, and the HMAC of the query with the account's secret. Keys come from the
   environment, which other users of the machine can't read; from nowhere else, and they are never
   logged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/hmac.h>

#include "executor.h"

void ex_keys_read(executor *ex) {
    const char *key = getenv("EXECUTOR_KEY"), *secret = getenv("EXECUTOR_SECRET");
    ex->has_keys = key != NULL && secret != NULL;
    if (ex->has_keys) {
        snprintf(ex->key_header, sizeof ex->key_header, "X-MBX-APIKEY: %s", key);
        snprintf(ex->secret, sizeof ex->secret, "%s", secret);
    }
}

void ex_sign(const executor *ex, char *path, size_t size) {
    struct hmac_sha256_ctx hmac;
    uint8_t digest[SHA256_DIGEST_SIZE];
    size_t n = strlen(path);
    if (!ex->has_keys)
        return;
    if (strstr(path, "timestamp=") == NULL)
        n += (size_t)snprintf(path + n, size - n, "%ctimestamp=%lld",
                              strchr(path, '?') == NULL ? '?' : '&', (long long)(ex_now() / EX_MS));
    if (n + sizeof "&signature=" + 2 * sizeof digest > size)
        abort();
    const char *query = strchr(path, '?') + 1;
    hmac_sha256_set_key(&hmac, strlen(ex->secret), (const uint8_t *)ex->secret);
    hmac_sha256_update(&hmac, strlen(query), (const uint8_t *)query);
    hmac_sha256_digest(&hmac, sizeof digest, digest);
    n += (size_t)sprintf(path + n, "&signature=");
    for (size_t i = 0; i < sizeof digest; i++)
        n += (size_t)sprintf(path + n, "%02x", digest[i]);
}
