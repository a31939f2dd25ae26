/* The WebSockets. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server.h"
#include "websocket.h"

#define MOST_MESSAGE 65536
#define MOST_UNSENT 8388608 /* a client that does not read is cut */
#define PING_S 15
#define SILENT_S 60

struct stream {
    struct fx_venue *venue;
    struct fx_wanted wanted;
    struct MHD_UpgradeResponseHandle *handle;
    struct websocket socket;
    int file;
    char *out; /* what was not taken yet */
    size_t n_out, room_out;
    time_t heard_s, pinged_s;
    bool closes, has_ended; /* once all is sent; already */
    struct stream *next;
};

struct fx_streams {
    struct stream *first;
    int n;
};

static time_t clock_s(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

void fx_streams_open(struct fx_exchange *exchange) {
    exchange->streams = fx_memory(NULL, sizeof *exchange->streams);
    *exchange->streams = (struct fx_streams){0};
}

bool fx_streams_have_room(const struct fx_exchange *exchange) {
    return exchange->streams->n < FX_MOST_STREAMS;
}

/* ---- what a stream is asked for ---- */

/* One name; false: there is no such stream. */
static bool want(const struct fx_venue *venue, const char *name, size_t n, bool wanted,
                 struct fx_wanted *all) {
    const char *at = memchr(name, '@', n);
    if (n == strlen(venue->listen_key) && memcmp(name, venue->listen_key, n) == 0) {
        all->user = wanted;
        return true;
    }
    for (int i = 0; i < FX_INSTRUMENTS && at != NULL; i++) {
        const char *symbol = venue->markets[i].spec.symbol;
        size_t length = (size_t)(at - name), kind = n - length;
        if (strlen(symbol) != length || strncasecmp(name, symbol, length) != 0)
            continue;
        if (kind == 11 && memcmp(at, "@bookTicker", 11) == 0)
            all->ticker[i] = wanted;
        else if ((kind == 7 && memcmp(at, "@depth5", 7) == 0) ||
                 (kind == 13 && memcmp(at, "@depth5@100ms", 13) == 0))
            all->depth[i] = wanted ? 5 : 0;
        else if ((kind == 8 && memcmp(at, "@depth10", 8) == 0) ||
                 (kind == 14 && memcmp(at, "@depth10@100ms", 14) == 0))
            all->depth[i] = wanted ? 10 : 0;
        else
            return false;
        return true;
    }
    return false;
}

/* Names with slashes between. */
static bool want_list(const struct fx_venue *venue, const char *names, struct fx_wanted *wanted) {
    while (*names != '\0') {
        size_t n = strcspn(names, "/");
        if (!want(venue, names, n, true, wanted))
            return false;
        names += n;
        names += *names == '/';
    }
    return true;
}

bool fx_wanted_read(const struct fx_venue *venue, const char *rest, struct fx_call *call,
                    struct fx_wanted *wanted) {
    const char *names;
    memset(wanted, 0, sizeof *wanted);
    if (strcmp(rest, "/ws") == 0 || strcmp(rest, "/ws/") == 0)
        return true;
    if (strncmp(rest, "/ws/", 4) == 0)
        return want_list(venue, rest + 4, wanted);
    if (strcmp(rest, "/public/ws") == 0 || strncmp(rest, "/public/ws/", 11) == 0)
        return true;
    if (strcmp(rest, "/private/ws") == 0 || strncmp(rest, "/private/ws/", 12) == 0) {
        names = fx_param(call, "listenKey");
        names = names == NULL ? rest + strlen("/private/ws") + 1 : names;
        return strcmp(rest, "/private/ws") == 0 && fx_param(call, "listenKey") == NULL
                   ? false
                   : want_list(venue, names, wanted) && wanted->user;
    }
    names = fx_param(call, "streams");
    wanted->is_combined = true;
    return strcmp(rest, "/stream") == 0 && want_list(venue, names == NULL ? "" : names, wanted);
}

/* ---- sending ---- */

static void end(struct stream *stream) {
    if (!stream->has_ended)
        shutdown(stream->file, SHUT_RDWR);
    stream->has_ended = true;
}

/* Sends what is waiting, as far as it is taken. */
static void flush(struct stream *stream) {
    size_t sent = 0;
    while (sent < stream->n_out && !stream->has_ended) {
        ssize_t n = send(stream->file, stream->out + sent, stream->n_out - sent, MSG_NOSIGNAL);
        if (n > 0)
            sent += (size_t)n;
        else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        else if (n == 0 || errno != EINTR)
            end(stream);
    }
    memmove(stream->out, stream->out + sent, stream->n_out - sent);
    stream->n_out -= sent;
    if (stream->n_out == 0 && stream->closes)
        end(stream);
}

static void put(struct stream *stream, const void *bytes, size_t n) {
    if (stream->n_out + n > stream->room_out) {
        stream->room_out = 2 * (stream->n_out + n);
        stream->out = fx_memory(stream->out, stream->room_out);
    }
    if (n > 0)
        memcpy(stream->out + stream->n_out, bytes, n);
    stream->n_out += n;
}

static void send_frame(struct stream *stream, enum websocket_opcode opcode, const void *bytes,
                       size_t n) {
    unsigned char head[WEBSOCKET_HEAD];
    if (stream->has_ended || stream->closes)
        return;
    put(stream, head, websocket_head(head, opcode, n, NULL));
    put(stream, bytes, n);
    stream->closes = opcode == WEBSOCKET_CLOSE;
    flush(stream);
    if (stream->n_out > MOST_UNSENT)
        end(stream);
}

static void send_close(struct stream *stream, uint16_t code) {
    unsigned char bytes[] = {(unsigned char)(code >> 8), (unsigned char)code};
    send_frame(stream, WEBSOCKET_CLOSE, bytes, sizeof bytes);
}

static void send_json(struct stream *stream, cJSON *json) {
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (text != NULL)
        send_frame(stream, WEBSOCKET_TEXT, text, strlen(text));
    free(text);
}

void fx_stream_user(struct fx_venue *venue, const char *news) {
    for (struct stream *stream = venue->exchange->streams->first; stream != NULL;
         stream = stream->next) {
        if (stream->venue != venue || !stream->wanted.user)
            continue;
        if (stream->wanted.is_combined) {
            cJSON *json = cJSON_CreateObject();
            cJSON_AddStringToObject(json, "stream", venue->listen_key);
            cJSON_AddRawToObject(json, "data", news);
            send_json(stream, json);
        } else {
            send_frame(stream, WEBSOCKET_TEXT, news, strlen(news));
        }
    }
}

static cJSON *event(const struct fx_market *market, const char *kind, int64_t now_ms) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "e", kind);
    cJSON_AddNumberToObject(json, "u", (double)market->update_id);
    cJSON_AddStringToObject(json, "s", market->spec.symbol);
    cJSON_AddNumberToObject(json, "T", (double)now_ms);
    cJSON_AddNumberToObject(json, "E", (double)now_ms);
    return json;
}

static cJSON *ticker_event(const struct fx_market *market, int64_t now_ms) {
    const struct fx_spec *spec = &market->spec;
    const struct fx_level *bid = fx_best(market->levels[0]), *ask = fx_best(market->levels[1]);
    cJSON *json = event(market, "bookTicker", now_ms);
    fx_add_number(json, "b", bid->price, spec->price_digits);
    fx_add_number(json, "B", bid->quantity, spec->quantity_digits);
    fx_add_number(json, "a", ask->price, spec->price_digits);
    fx_add_number(json, "A", ask->quantity, spec->quantity_digits);
    return json;
}

static cJSON *depth_event(const struct fx_market *market, int levels, int64_t now_ms) {
    cJSON *json = event(market, "depthUpdate", now_ms);
    cJSON_AddNumberToObject(json, "U", (double)market->update_id);
    cJSON_AddNumberToObject(json, "pu", (double)(market->update_id - 1));
    fx_add_depth(json, market, levels, "b", "a");
    return json;
}

static void send_event(struct stream *stream, const struct fx_market *market, const char *kind,
                       cJSON *json) {
    char name[40];
    size_t n = 0;
    if (stream->wanted.is_combined) {
        for (const char *at = market->spec.symbol; *at != '\0'; at++)
            name[n++] = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
        strcpy(name + n, kind);
        cJSON *outer = cJSON_CreateObject();
        cJSON_AddStringToObject(outer, "stream", name);
        cJSON_AddItemToObject(outer, "data", json);
        json = outer;
    }
    send_json(stream, json);
}

void fx_stream_market(struct fx_venue *venue) {
    int64_t now = fx_now_ms(venue);
    for (struct stream *stream = venue->exchange->streams->first; stream != NULL;
         stream = stream->next)
        for (int i = 0; i < FX_INSTRUMENTS && stream->venue == venue; i++) {
            const struct fx_market *market = &venue->markets[i];
            int levels = stream->wanted.depth[i];
            if (stream->wanted.ticker[i])
                send_event(stream, market, "@bookTicker", ticker_event(market, now));
            if (levels > 0)
                send_event(stream, market, levels == 5 ? "@depth5" : "@depth10",
                           depth_event(market, levels, now));
        }
}

void fx_streams_cut(struct fx_venue *venue) {
    for (struct stream *stream = venue->exchange->streams->first; stream != NULL;
         stream = stream->next)
        if (stream->venue == venue)
            end(stream);
}

uint64_t fx_streams_of(const struct fx_venue *venue, bool of_user) {
    uint64_t n = 0;
    for (const struct stream *stream = venue->exchange->streams->first; stream != NULL;
         stream = stream->next)
        n += stream->venue == venue && !stream->has_ended && !stream->closes &&
             (!of_user || stream->wanted.user);
    return n;
}

/* ---- what a client says ---- */

/* All names or none. */
static bool change(struct stream *stream, const cJSON *names, bool wanted) {
    struct fx_wanted all = stream->wanted;
    const cJSON *name;
    if (!cJSON_IsArray(names))
        return false;
    cJSON_ArrayForEach(name, names) {
        const char *text = cJSON_GetStringValue(name);
        if (text == NULL || !want(stream->venue, text, strlen(text), wanted, &all))
            return false;
    }
    stream->wanted = all;
    return true;
}

static void hear_text(struct stream *stream, const char *text, size_t n) {
    cJSON *json = cJSON_ParseWithLength(text, n);
    const char *method = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "method"));
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(json, "id");
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(json, "params");
    bool adds = method != NULL && strcmp(method, "SUBSCRIBE") == 0;
    bool takes = method != NULL && strcmp(method, "UNSUBSCRIBE") == 0;
    cJSON *answer = cJSON_CreateObject();
    if ((adds || takes) && change(stream, names, adds)) {
        cJSON_AddNullToObject(answer, "result");
    } else {
        cJSON *error = cJSON_AddObjectToObject(answer, "error");
        cJSON_AddNumberToObject(error, "code", json == NULL ? 3 : 2);
        cJSON_AddStringToObject(error, "msg",
                                json == NULL ? "Invalid JSON"
                                             : "Invalid request: SUBSCRIBE or "
                                               "UNSUBSCRIBE with names of streams");
    }
    if (cJSON_IsNumber(id))
        cJSON_AddNumberToObject(answer, "id", id->valuedouble);
    else
        cJSON_AddNullToObject(answer, "id");
    cJSON_Delete(json);
    send_json(stream, answer);
}

static void hear(struct stream *stream, const struct websocket_message *message) {
    switch (message->opcode) {
    case WEBSOCKET_TEXT:
        hear_text(stream, message->data, message->length);
        break;
    case WEBSOCKET_BINARY:
        send_close(stream, 1003);
        break;
    case WEBSOCKET_PING:
        send_frame(stream, WEBSOCKET_PONG, message->data, message->length);
        break;
    case WEBSOCKET_CLOSE:
        send_close(stream, message->code == 1005 ? 1000 : message->code);
        break;
    case WEBSOCKET_PONG:
    case WEBSOCKET_CONTINUATION:
        break;
    }
}

static void take(struct stream *stream, const void *bytes, size_t n) {
    struct websocket_message message;
    enum websocket_result result = WEBSOCKET_MESSAGE;
    stream->heard_s = clock_s();
    if (stream->closes)
        return;
    if (!websocket_feed(&stream->socket, bytes, n)) {
        end(stream);
        return;
    }
    while (result == WEBSOCKET_MESSAGE && !stream->has_ended && !stream->closes) {
        result = websocket_next(&stream->socket, &message);
        if (result == WEBSOCKET_MESSAGE)
            hear(stream, &message);
        else if (result == WEBSOCKET_BROKEN)
            send_close(stream, stream->socket.code);
        else if (result == WEBSOCKET_NO_MEMORY)
            end(stream);
    }
}

static void read_some(struct stream *stream) {
    char bytes[16384];
    ssize_t n = recv(stream->file, bytes, sizeof bytes, 0);
    if (n > 0)
        take(stream, bytes, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        end(stream);
}

/* ---- coming and going ---- */

void fx_stream_add(struct fx_venue *venue, const struct fx_wanted *wanted, int file,
                   struct MHD_UpgradeResponseHandle *handle, const void *bytes, size_t n) {
    struct fx_streams *streams = venue->exchange->streams;
    struct stream *stream = fx_memory(NULL, sizeof *stream);
    *stream = (struct stream){.venue = venue,
                              .wanted = *wanted,
                              .handle = handle,
                              .file = file,
                              .heard_s = clock_s(),
                              .pinged_s = clock_s(),
                              .next = streams->first};
    websocket_init(&stream->socket, true, MOST_MESSAGE);
    fcntl(file, F_SETFL, fcntl(file, F_GETFL) | O_NONBLOCK);
    streams->first = stream;
    streams->n++;
    take(stream, bytes, n);
}

static void drop(struct fx_streams *streams, struct stream **at) {
    struct stream *stream = *at;
    *at = stream->next;
    streams->n--;
    end(stream);
    MHD_upgrade_action(stream->handle, MHD_UPGRADE_ACTION_CLOSE);
    websocket_drop(&stream->socket);
    free(stream->out);
    free(stream);
}

void fx_streams_wait(const struct fx_exchange *exchange, struct fx_files *files) {
    for (const struct stream *stream = exchange->streams->first; stream != NULL;
         stream = stream->next) {
        FD_SET(stream->file, &files->reads);
        if (stream->n_out > 0)
            FD_SET(stream->file, &files->writes);
        files->most = stream->file > files->most ? stream->file : files->most;
    }
}

void fx_streams_work(struct fx_exchange *exchange, const struct fx_files *files) {
    time_t now = clock_s();
    for (struct stream **at = &exchange->streams->first; *at != NULL;) {
        struct stream *stream = *at;
        if (!stream->has_ended && FD_ISSET(stream->file, &files->writes))
            flush(stream);
        if (!stream->has_ended && FD_ISSET(stream->file, &files->reads))
            read_some(stream);
        if (now - stream->pinged_s >= PING_S) {
            stream->pinged_s = now;
            send_frame(stream, WEBSOCKET_PING, NULL, 0);
        }
        if (now - stream->heard_s >= SILENT_S)
            end(stream);
        if (stream->has_ended)
            drop(exchange->streams, at);
        else
            at = &stream->next;
    }
}

void fx_streams_close(struct fx_exchange *exchange) {
    while (exchange->streams->first != NULL)
        drop(exchange->streams, &exchange->streams->first);
    free(exchange->streams);
}
