/* Server-sent events. A stream that has sent all there is is put to sleep and woken by the next
   change, so that waiting costs nothing. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <microhttpd.h>

#include "console.h"

#define MOST_STREAMS 64
#define BLOCK_SIZE 16384
#define HEARTBEAT_NS 900000000

struct console_stream {
    struct console_streams *streams;
    struct MHD_Connection *connection;
    struct console_stream *next, *previous;
    uint64_t last_id;
    struct console_text *frame; /* that is being sent */
    size_t sent;
    int64_t sent_ns;
    bool asleep;
};

static int64_t wall_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * CONSOLE_SECOND + time.tv_nsec;
}

/* The next piece of what is to be sent; 0: there is nothing now. */
static size_t take(struct console_stream *stream, char *buffer, size_t room) {
    static const char heartbeat[] = ": heartbeat\n\n";
    if (stream->frame == NULL) {
        stream->frame = console_events_next(stream->streams->events, &stream->last_id);
        stream->sent = 0;
    }
    int64_t now = wall_ns();
    if (stream->frame == NULL && now - stream->sent_ns >= HEARTBEAT_NS)
        stream->frame = console_text_new(heartbeat, sizeof heartbeat - 1);
    if (stream->frame == NULL)
        return 0;
    size_t left = stream->frame->length - stream->sent;
    size_t n = left < room ? left : room;
    memcpy(buffer, stream->frame->bytes + stream->sent, n);
    stream->sent += n;
    stream->sent_ns = now;
    if (stream->sent == stream->frame->length) {
        console_text_drop(stream->frame);
        stream->frame = NULL;
    }
    return n;
}

/* Looking and falling asleep are one step under the lock, or a change between them were missed. */
static ssize_t read_stream(void *user, uint64_t position, char *buffer, size_t room) {
    struct console_stream *stream = user;
    struct console_streams *streams = stream->streams;
    ssize_t result = MHD_CONTENT_READER_END_OF_STREAM;
    (void)position;
    pthread_mutex_lock(&streams->lock);
    if (!streams->stopping) {
        result = (ssize_t)take(stream, buffer, room);
        if (result == 0) {
            stream->asleep = true;
            MHD_suspend_connection(stream->connection);
        }
    }
    pthread_mutex_unlock(&streams->lock);
    return result;
}

static void free_stream(void *user) {
    struct console_stream *stream = user;
    struct console_streams *streams = stream->streams;
    pthread_mutex_lock(&streams->lock);
    if (stream->previous != NULL)
        stream->previous->next = stream->next;
    else
        streams->first = stream->next;
    if (stream->next != NULL)
        stream->next->previous = stream->previous;
    atomic_fetch_sub(&streams->count, 1);
    pthread_mutex_unlock(&streams->lock);
    console_text_drop(stream->frame);
    free(stream);
}

struct MHD_Response *console_stream_new(struct console_streams *streams,
                                        struct MHD_Connection *connection, uint64_t last_id) {
    static const char hello[] = "retry: 1000\n\n";
    if (atomic_load(&streams->count) >= MOST_STREAMS)
        return NULL;
    struct console_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return NULL;
    stream->streams = streams;
    stream->connection = connection;
    stream->last_id = last_id;
    stream->frame = console_text_new(hello, sizeof hello - 1);
    pthread_mutex_lock(&streams->lock);
    stream->next = streams->first;
    if (streams->first != NULL)
        streams->first->previous = stream;
    streams->first = stream;
    atomic_fetch_add(&streams->count, 1);
    pthread_mutex_unlock(&streams->lock);
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_stream, stream, free_stream);
    if (response == NULL)
        free_stream(stream);
    return response;
}

static void wake_all(struct console_streams *streams) {
    for (struct console_stream *stream = streams->first; stream != NULL; stream = stream->next)
        if (stream->asleep) {
            stream->asleep = false;
            MHD_resume_connection(stream->connection);
        }
}

void console_streams_wake(struct console_streams *streams) {
    pthread_mutex_lock(&streams->lock);
    wake_all(streams);
    pthread_mutex_unlock(&streams->lock);
}

void console_streams_stop(struct console_streams *streams) {
    pthread_mutex_lock(&streams->lock);
    streams->stopping = true;
    wake_all(streams);
    pthread_mutex_unlock(&streams->lock);
}
