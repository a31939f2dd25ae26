/* What listens: the HTTP server and its streams. */
#ifndef FX_SERVER_H
#define FX_SERVER_H

#include <sys/select.h>

#include <microhttpd.h>

#include "fx.h"

#define FX_MOST_STREAMS 256

/* What a stream sends. */
struct fx_wanted {
    bool user, is_combined;
    bool ticker[FX_INSTRUMENTS];
    int depth[FX_INSTRUMENTS]; /* levels; 0: none */
};

/* streams.c */
void fx_streams_open(struct fx_exchange *exchange);
void fx_streams_close(struct fx_exchange *exchange);
/* What a path below a venue, and its query, ask for. False: it is none of a stream's. */
bool fx_wanted_read(const struct fx_venue *venue, const char *rest, struct fx_call *call,
                    struct fx_wanted *wanted);
bool fx_streams_have_room(const struct fx_exchange *exchange);
/* An upgraded connection. `bytes`: what has already come of it. */
void fx_stream_add(struct fx_venue *venue, const struct fx_wanted *wanted, int file,
                   struct MHD_UpgradeResponseHandle *handle, const void *bytes, size_t n);
/* What to wait for. */
struct fx_files {
    fd_set reads, writes, fails;
    int most; /* the highest number among them */
};
void fx_streams_wait(const struct fx_exchange *exchange, struct fx_files *files);
/* Reads and writes, and lets go of those that have ended. */
void fx_streams_work(struct fx_exchange *exchange, const struct fx_files *files);

/* http.c */
struct fx_http;
/* NULL: why is in `error`. *port: 0 for a free one; then the one it is. */
struct fx_http *fx_http_open(struct fx_exchange *exchange, uint16_t *port, char *error,
                             size_t size);
void fx_http_close(struct fx_http *http);
void fx_http_wait(const struct fx_http *http, struct fx_files *files);
/* Milliseconds until it must be called though nothing came; -1: never. */
int fx_http_timeout(const struct fx_http *http);
void fx_http_work(struct fx_http *http, const struct fx_files *files);

#endif
