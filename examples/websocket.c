#include "websocket.h"

#include <stdlib.h>
#include <string.h>

#include <nettle/base64.h>
#include <nettle/sha1.h>

void websocket_init(struct websocket *socket, bool is_server, size_t most) {
    memset(socket, 0, sizeof *socket);
    socket->is_server = is_server;
    socket->most = most;
}

void websocket_drop(struct websocket *socket) {
    free(socket->in);
    free(socket->parts);
    memset(socket, 0, sizeof *socket);
}

bool websocket_feed(struct websocket *socket, const void *bytes, size_t n) {
    if (socket->at > 0) {
        memmove(socket->in, socket->in + socket->at, socket->length - socket->at);
        socket->length -= socket->at;
        socket->at = 0;
    }
    if (n > socket->room - socket->length) {
        size_t room = 2 * (socket->length + n);
        unsigned char *in = realloc(socket->in, room);
        if (in == NULL)
            return false;
        socket->in = in;
        socket->room = room;
    }
    if (n > 0)
        memcpy(socket->in + socket->length, bytes, n);
    socket->length += n;
    return true;
}

struct head {
    bool is_last;
    int opcode;
    size_t size; /* of the head itself */
    uint64_t length;
    const unsigned char *mask;
};

static enum websocket_result broken(struct websocket *socket, uint16_t code) {
    socket->code = code;
    return WEBSOCKET_BROKEN;
}

/* Reads the head of the frame at `at`, as far as it is there. What is wrong with a frame is said
   before the rest of it has come. */
static enum websocket_result read_head(struct websocket *socket, struct head *head) {
    size_t there = socket->length - socket->at;
    if (socket->in == NULL || there < 2)
        return WEBSOCKET_NOTHING;
    const unsigned char *in = socket->in + socket->at;
    bool is_masked = in[1] & 0x80;
    head->is_last = in[0] & 0x80;
    head->opcode = in[0] & 15;
    bool is_control = head->opcode >= 8;
    if ((in[0] & 0x70) != 0 || (head->opcode > 2 && !is_control) || head->opcode > 10 ||
        is_masked != socket->is_server)
        return broken(socket, 1002);
    if (is_control ? !head->is_last || (in[1] & 127) > 125
                   : (head->opcode == 0) != (socket->parts_opcode != 0))
        return broken(socket, 1002);
    size_t extra = (in[1] & 127) == 127 ? 8 : (in[1] & 127) == 126 ? 2 : 0;
    head->size = 2 + extra + (is_masked ? 4 : 0);
    if (there < head->size)
        return WEBSOCKET_NOTHING;
    head->length = extra == 0 ? in[1] & 127 : 0;
    for (size_t i = 0; i < extra; i++)
        head->length = head->length << 8 | in[2 + i];
    if (head->length > socket->most - (is_control ? 0 : socket->n_parts))
        return broken(socket, 1009);
    head->mask = is_masked ? in + head->size - 4 : NULL;
    return WEBSOCKET_MESSAGE;
}

/* No overlong forms, surrogates, or code points past the last. */
static bool is_utf8(const unsigned char *text, size_t n) {
    for (size_t i = 0; i < n;) {
        unsigned char first = text[i++];
        if (first < 0x80)
            continue;
        size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
        if (first < 0xC2 || first > 0xF4 || n - i < more)
            return false;
        unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
        unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        for (; more > 0; more--, low = 0x80, high = 0xBF, i++)
            if (text[i] < low || text[i] > high)
                return false;
    }
    return true;
}

static bool is_close_code(unsigned code) {
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static enum websocket_result whole(struct websocket *socket, int opcode, const unsigned char *data,
                                   size_t n, struct websocket_message *message) {
    message->opcode = (enum websocket_opcode)opcode;
    message->data = (const char *)data;
    message->length = n;
    message->code = 0;
    if (opcode == WEBSOCKET_TEXT && !is_utf8(data, n))
        return broken(socket, 1007);
    if (opcode != WEBSOCKET_CLOSE)
        return WEBSOCKET_MESSAGE;
    message->code = n == 0 ? 1005 : 0;
    if (n == 1 || (n >= 2 && !is_close_code((unsigned)(data[0] << 8 | data[1]))))
        return broken(socket, 1002);
    if (n >= 2) {
        message->code = (uint16_t)(data[0] << 8 | data[1]);
        message->data += 2;
        message->length -= 2;
        if (!is_utf8(data + 2, n - 2))
            return broken(socket, 1007);
    }
    return WEBSOCKET_MESSAGE;
}

/* Adds a fragment. */
static bool keep(struct websocket *socket, const unsigned char *data, size_t n) {
    unsigned char *parts = realloc(socket->parts, socket->n_parts + n + 1);
    if (parts == NULL)
        return false;
    if (n > 0)
        memcpy(parts + socket->n_parts, data, n);
    socket->parts = parts;
    socket->n_parts += n;
    return true;
}

/* One frame; NOTHING with `*again`: it was a fragment, and another frame may be there. */
static enum websocket_result take_frame(struct websocket *socket, struct websocket_message *message,
                                        bool *again) {
    struct head head;
    *again = false;
    enum websocket_result result = read_head(socket, &head);
    if (result != WEBSOCKET_MESSAGE)
        return result;
    size_t n = (size_t)head.length;
    if (socket->length - socket->at - head.size < n)
        return WEBSOCKET_NOTHING;
    unsigned char *data = socket->in + socket->at + head.size;
    if (head.mask != NULL)
        websocket_mask(data, n, head.mask);
    socket->at += head.size + n;
    if (head.opcode >= 8 || (head.is_last && head.opcode != 0))
        return whole(socket, head.opcode, data, n, message);
    if (head.opcode != 0) {
        socket->parts_opcode = head.opcode;
        socket->n_parts = 0;
    }
    if (!keep(socket, data, n))
        return WEBSOCKET_NO_MEMORY;
    *again = !head.is_last;
    if (*again)
        return WEBSOCKET_NOTHING;
    int opcode = socket->parts_opcode;
    n = socket->n_parts;
    socket->parts_opcode = 0;
    socket->n_parts = 0;
    return whole(socket, opcode, socket->parts, n, message);
}

enum websocket_result websocket_next(struct websocket *socket, struct websocket_message *message) {
    bool again = true;
    enum websocket_result result = WEBSOCKET_NOTHING;
    if (socket->code != 0)
        return WEBSOCKET_BROKEN;
    while (again)
        result = take_frame(socket, message, &again);
    return result;
}

size_t websocket_head(unsigned char head[WEBSOCKET_HEAD], enum websocket_opcode opcode,
                      size_t length, const unsigned char mask[4]) {
    size_t extra = length < 126 ? 0 : length < 65536 ? 2 : 8;
    head[0] = (unsigned char)(0x80 | (unsigned)opcode);
    head[1] = (unsigned char)(extra == 0 ? length : extra == 2 ? 126 : 127);
    for (size_t i = 0; i < extra; i++)
        head[2 + i] = (unsigned char)((uint64_t)length >> 8 * (extra - 1 - i));
    if (mask == NULL)
        return 2 + extra;
    head[1] |= 0x80;
    memcpy(head + 2 + extra, mask, 4);
    return 2 + extra + 4;
}

void websocket_mask(unsigned char *bytes, size_t n, const unsigned char mask[4]) {
    for (size_t i = 0; i < n; i++)
        bytes[i] ^= mask[i % 4];
}

void websocket_accept(const char *key, char accept[WEBSOCKET_ACCEPT]) {
    static const char id[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t digest[SHA1_DIGEST_SIZE];
    struct sha1_ctx hash;
    sha1_init(&hash);
    sha1_update(&hash, strlen(key), (const uint8_t *)key);
    sha1_update(&hash, sizeof id - 1, (const uint8_t *)id);
    sha1_digest(&hash, sizeof digest, digest);
    base64_encode_raw(accept, sizeof digest, digest);
    accept[WEBSOCKET_ACCEPT - 1] = '\0';
}
