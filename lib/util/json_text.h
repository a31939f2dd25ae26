/* JSON written straight into memory, for what is large. json.h reads it, and makes what is small.
 */
#ifndef PERP_UTIL_JSON_TEXT_H
#define PERP_UTIL_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* What was written is at start up to at. Where there is no more room `failed` is set and the rest
   does nothing. Whether a comma is due is seen by the byte before: none after a bracket that opens;
   so the first thing that is written is a bracket. */
struct perp_json_text {
    char *start, *at, *end;
    bool failed;
    /* Makes room for `size` bytes more, or more than that, keeping what was written: false: there
       is no memory. NULL: what is there is all. */
    bool (*grow)(struct perp_json_text *text, size_t size);
    void *user;
};

bool perp_json_text_grow(struct perp_json_text *text, size_t size);

/* Whether `size` bytes more can be written. */
static inline bool perp_json_text_room(struct perp_json_text *text, size_t size) {
    return (size_t)(text->end - text->at) >= size || perp_json_text_grow(text, size);
}

/* The name of a member that is a literal, as the two arguments of what takes one: with what stands
   before and after it, and with zeros behind it, so that it can be copied without looking how long
   it is. */
#define PERP_KEY_COPIED 32
#define PERP_KEY_ZEROS "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define PERP_KEY(name) ",\"" name "\":" PERP_KEY_ZEROS, sizeof ",\"" name "\":" - 1

/* The name of a member, of PERP_KEY; `room` bytes more are made sure of. false: there is no room.
 */
bool perp_json_text_key(struct perp_json_text *text, const char *key, size_t length, size_t room);
/* The same of any name in UTF-8. */
void perp_json_text_name(struct perp_json_text *text, const char *name);
/* Before an element of a list. */
void perp_json_text_item(struct perp_json_text *text);
void perp_json_text_string(struct perp_json_text *text, const char *value);
/* Bytes as they are: a bracket, a word, something that was written before. */
void perp_json_text_put(struct perp_json_text *text, const char *bytes, size_t n);

#endif
