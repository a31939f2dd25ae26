/* The frames of RFC 6455, without any input or output: bytes go in, messages come out. For both
   sides of a connection. */
#ifndef EXAMPLES_WEBSOCKET_H
#define EXAMPLES_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0,
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10
};

enum websocket_result {
    WEBSOCKET_NOTHING, /* more bytes are needed */
    WEBSOCKET_MESSAGE,
    WEBSOCKET_BROKEN, /* `code` says why: send it in a close frame and end the connection */
    WEBSOCKET_NO_MEMORY
};

/* Most bytes of a frame's head; of the value of Sec-WebSocket-Accept with its zero byte. */
#define WEBSOCKET_HEAD 14
#define WEBSOCKET_ACCEPT 29

struct websocket {
    bool is_server;    /* frames come masked, and only a server's do */
    size_t most;       /* bytes of a message; more is broken with 1009 */
    unsigned char *in; /* bytes that came and were not looked at: from `at` to `length` */
    size_t at, length, room;
    unsigned char *parts; /* of a message that comes in fragments */
    size_t n_parts;
    int parts_opcode; /* 0: none has begun */
    uint16_t code;    /* why it is broken; 0: it is not */
};

struct websocket_message {
    enum websocket_opcode opcode; /* never a continuation */
    const char *data;             /* until the next call; not ended with a zero byte */
    size_t length;
    uint16_t code; /* of a close frame; 1005: it has none */
};

void websocket_init(struct websocket *socket, bool is_server, size_t most);
void websocket_drop(struct websocket *socket);
/* False: no memory. */
bool websocket_feed(struct websocket *socket, const void *bytes, size_t n);
/* The next message of what was fed: a whole one, or a control frame. Text is valid UTF-8. Once
   broken it stays so. */
enum websocket_result websocket_next(struct websocket *socket, struct websocket_message *message);
/* Writes the head of a whole frame; mask: of a client, else NULL. How long it is. The payload
   follows, which a client masks with websocket_mask. */
size_t websocket_head(unsigned char head[WEBSOCKET_HEAD], enum websocket_opcode opcode,
                      size_t length, const unsigned char mask[4]);
void websocket_mask(unsigned char *bytes, size_t n, const unsigned char mask[4]);
/* What a server answers to a client's Sec-WebSocket-Key. */
void websocket_accept(const char *key, char accept[WEBSOCKET_ACCEPT]);

#endif
