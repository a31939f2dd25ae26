/* The stream of a venue: its user's news and the market's, on one connection that is made again
   whenever it breaks. libcurl connects, with TLS where the URL wants it; the frames are ours. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <nettle/base64.h>

#include "executor.h"
#include "websocket.h"

#define CONNECT_MS 2000
#define SILENCE_NS (5 * EX_S) /* the market speaks ten times a second */
#define PAUSE_MS 200
#define MOST_MESSAGE (1u << 20)

struct ex_stream {
    ex_venue *venue;
    ex_message *message;
    pthread_t thread;
    atomic_bool stops;
    CURL *curl;
    curl_socket_t file;
    struct websocket frames;
    sim_random random; /* of keys and masks: they must differ, no more */
};

static bool wait_for(const struct ex_stream *stream, short events, int ms) {
    struct pollfd file = {.fd = stream->file, .events = events};
    return poll(&file, 1, ms) > 0;
}

static bool send_all(struct ex_stream *stream, const void *bytes, size_t n) {
    for (size_t sent, done = 0; done < n; done += sent) {
        CURLcode code = curl_easy_send(stream->curl, (const char *)bytes + done, n - done, &sent);
        if (code == CURLE_AGAIN && wait_for(stream, POLLOUT, CONNECT_MS))
            sent = 0;
        else if (code != CURLE_OK)
            return false;
    }
    return true;
}

static bool send_frame(struct ex_stream *stream, enum websocket_opcode opcode, const char *data,
                       size_t n) {
    unsigned char frame[WEBSOCKET_HEAD + 125], mask[4];
    uint64_t bits = sim_random_next(&stream->random);
    if (n > 125)
        return false;
    memcpy(mask, &bits, sizeof mask);
    size_t head = websocket_head(frame, opcode, n, mask);
    memcpy(frame + head, data, n);
    websocket_mask(frame + head, n, mask);
    return send_all(stream, frame, head + n);
}

/* Reads the answer to the handshake; what follows it is fed to the frames. */
static bool is_upgraded(struct ex_stream *stream, const char *key) {
    char answer[4096], accept[WEBSOCKET_ACCEPT];
    size_t length = 0;
    websocket_accept(key, accept);
    while (length < sizeof answer - 1) {
        size_t n = 0;
        CURLcode code =
            curl_easy_recv(stream->curl, answer + length, sizeof answer - 1 - length, &n);
        if (code == CURLE_AGAIN && wait_for(stream, POLLIN, CONNECT_MS))
            continue;
        if (code != CURLE_OK || n == 0)
            return false;
        length += n;
        answer[length] = '\0';
        char *end = strstr(answer, "\r\n\r\n");
        if (end == NULL)
            continue;
        size_t head = (size_t)(end + 4 - answer);
        bool fed = websocket_feed(&stream->frames, end + 4, length - head);
        *end = '\0';
        return fed && strncmp(answer, "HTTP/1.1 101", 12) == 0 && strstr(answer, accept) != NULL;
    }
    return false;
}

static void split_host(const char *url, char host[256]) {
    const char *from = strstr(url, "://");
    from = from == NULL ? url : from + 3;
    snprintf(host, 256, "%.*s", (int)strcspn(from, "/"), from);
}

static size_t names_of(const ex_venue *venue, char *text, size_t size) {
    int n = snprintf(text, size, "%s", venue->listen_key);
    for (uint32_t i = 0; i < venue->n_instruments; i++) {
        char name[32];
        size_t c = 0;
        for (; venue->instruments[i].symbol[c] != '\0'; c++)
            name[c] = (char)(venue->instruments[i].symbol[c] | 0x20);
        name[c] = '\0';
        n += snprintf(text + n, size - (size_t)n, "/%s@depth10", name);
    }
    return (size_t)n;
}

static bool shake_hands(struct ex_stream *stream) {
    char names[1024], host[256], request[2048], key[BASE64_ENCODE_RAW_LENGTH(16) + 1];
    uint64_t bits[2] = {sim_random_next(&stream->random), sim_random_next(&stream->random)};
    const char *path = strstr(stream->venue->url, "://");
    path = strchr(path == NULL ? stream->venue->url : path + 3, '/');
    base64_encode_raw(key, 16, (const uint8_t *)bits);
    key[sizeof key - 1] = '\0';
    names_of(stream->venue, names, sizeof names);
    split_host(stream->venue->url, host);
    int n = snprintf(request, sizeof request,
                     "GET %s/stream?streams=%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                     "Sec-WebSocket-Version: 13\r\n\r\n",
                     path == NULL ? "" : path, names, host, key);
    return n > 0 && (size_t)n < sizeof request && send_all(stream, request, (size_t)n) &&
           is_upgraded(stream, key);
}

static bool connect_to(struct ex_stream *stream) {
    stream->curl = curl_easy_init();
    if (stream->curl == NULL)
        abort();
    websocket_init(&stream->frames, false, MOST_MESSAGE);
    curl_easy_setopt(stream->curl, CURLOPT_URL, stream->venue->url);
    curl_easy_setopt(stream->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(stream->curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(stream->curl, CURLOPT_TIMEOUT_MS, (long)CONNECT_MS);
    return curl_easy_perform(stream->curl) == CURLE_OK &&
           curl_easy_getinfo(stream->curl, CURLINFO_ACTIVESOCKET, &stream->file) == CURLE_OK &&
           shake_hands(stream);
}

/* False: the connection is over. */
static bool take_messages(struct ex_stream *stream) {
    struct websocket_message message;
    enum websocket_result result;
    while ((result = websocket_next(&stream->frames, &message)) == WEBSOCKET_MESSAGE) {
        if (message.opcode == WEBSOCKET_TEXT)
            stream->message(stream->venue, message.data, message.length);
        else if (message.opcode == WEBSOCKET_CLOSE ||
                 (message.opcode == WEBSOCKET_PING &&
                  !send_frame(stream, WEBSOCKET_PONG, message.data, message.length)))
            return false;
    }
    return result == WEBSOCKET_NOTHING;
}

static void listen_to(struct ex_stream *stream) {
    char bytes[65536];
    int64_t heard_ns = ex_now();
    while (!stream->stops && take_messages(stream)) {
        size_t n = 0;
        CURLcode code = curl_easy_recv(stream->curl, bytes, sizeof bytes, &n);
        if (code == CURLE_AGAIN) {
            wait_for(stream, POLLIN, PAUSE_MS);
            if (ex_now() - heard_ns > SILENCE_NS)
                return;
            continue;
        }
        if (code != CURLE_OK || n == 0 || !websocket_feed(&stream->frames, bytes, n))
            return;
        heard_ns = ex_now();
    }
}

/* News that came while there was no stream is lost: what happened meanwhile must be asked for. */
static void *run(void *user) {
    struct ex_stream *stream = user;
    while (!stream->stops) {
        if (connect_to(stream)) {
            stream->venue->ex->counts.reconnects++;
            stream->venue->sweeps_at_once = true;
            ex_poke_all(stream->venue->ex);
            listen_to(stream);
        }
        websocket_drop(&stream->frames);
        curl_easy_cleanup(stream->curl);
        struct timespec pause = {.tv_nsec = PAUSE_MS * EX_MS};
        if (!stream->stops)
            nanosleep(&pause, NULL);
    }
    return NULL;
}

struct ex_stream *ex_stream_start(ex_venue *venue, ex_message *message) {
    struct ex_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        abort();
    stream->venue = venue;
    stream->message = message;
    sim_random_seed(&stream->random, (uint64_t)ex_now(), venue->id + 1);
    if (pthread_create(&stream->thread, NULL, run, stream) != 0)
        abort();
    return stream;
}

void ex_stream_stop(struct ex_stream *stream) {
    if (stream == NULL)
        return;
    stream->stops = true;
    pthread_join(stream->thread, NULL);
    free(stream);
}
