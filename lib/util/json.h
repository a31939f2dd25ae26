/* Strict JSON for input from outside, on cJSON. Numbers keep their text, so that money and 64-bit
   integers are read exactly; repeated names, unknown names and trailing bytes are errors. */
#ifndef PERP_UTIL_JSON_H
#define PERP_UTIL_JSON_H

#include <perpcore/types.h>

#include <cjson/cJSON.h>
#include <stdbool.h>

/* *why of perp_json_parse where memory ran out; any other says what is wrong with the text. */
#define PERP_JSON_NO_MEMORY "no memory"
/* A text of more values is refused: each takes some hundred bytes of memory, however short its
 * text. */
#define PERP_JSON_MAX_VALUES 1000000
#define PERP_JSON_MAX_DEPTH 32
/* Of a number: more digits can't matter. */
#define PERP_JSON_MAX_NUMBER 1024

/* Parses a whole text; NULL where it is not valid JSON (also: invalid UTF-8, a zero byte, nested
   deeper than 32, past one of the limits above, no memory), with a reason in *why, a static text.
   In the result a number is a cJSON string that starts with byte 0x01, which no JSON string from
   outside can start with: control characters are escaped there, and an escape of this one at the
   start of a string is refused. Use the functions below to read it. Free with cJSON_Delete. cJSON's
   own lookups are linear and, but for ...CaseSensitive, blind to case: walk with
   cJSON_ArrayForEach, never by index. */
cJSON *perp_json_parse(const char *text, size_t length, const char **why);

bool perp_json_is_number(const cJSON *item);
bool perp_json_is_string(const cJSON *item);
/* A string, or a number's own text; NULL for anything else. */
const char *perp_json_text(const cJSON *item);
/* Each is false where the item is of another type or does not fit. An integer may be written as
   5, 5.0 or 5e0. */
bool perp_json_double(const cJSON *item, double *out);
bool perp_json_int64(const cJSON *item, int64_t *out);
bool perp_json_uint64(const cJSON *item, uint64_t *out);
/* USD with at most six decimals (trailing zeros beyond are allowed). *out is exact. false: not a
   number or more decimals (*range is false), or does not fit (*range is true). */
bool perp_json_usd(const cJSON *item, perp_usd *out, bool *range);
bool perp_json_bool(const cJSON *item, bool *out);
bool perp_json_uuid(const cJSON *item, perp_uuid *out);
/* The first name in an object that is not in the NULL-ended list, or that is there twice; else
 * NULL. */
const char *perp_json_odd_name(const cJSON *object, const char *const *names);

/* Output. Numbers are added so that they read back to the same value; NaN and infinity become null.
   false: no memory. */
bool perp_json_add_double(cJSON *object, const char *name, double value);
bool perp_json_add_usd(cJSON *object, const char *name, perp_usd amount);
bool perp_json_add_int64(cJSON *object, const char *name, int64_t value);
bool perp_json_add_uint64(cJSON *object, const char *name, uint64_t value);
bool perp_json_add_time(cJSON *object, const char *name, int64_t time_ns); /* ISO 8601, or null */
/* Prints without spaces into a caller's buffer as the public …_json functions promise, and deletes
   json. json may be NULL: PERP_E_NOMEM. */
perp_status perp_json_finish(cJSON *json, char *buffer, size_t capacity, size_t *length);

#endif
