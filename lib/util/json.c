#include "util/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"

#define MARK '\x01'

/* A walk over the text that checks its grammar with a stack of its own: cJSON recurses, takes
   numbers that JSON does not know, and control characters. */
struct scan {
    const char *at;
    const char *end;
    const char *why; /* NULL: no error so far */
    size_t numbers;
    size_t values;
    int depth;
    char open[PERP_JSON_MAX_DEPTH]; /* '{' or '[' */
};

static bool fail(struct scan *scan, const char *why) {
    scan->why = why;
    return false;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The byte at the cursor; 0, which no rule expects, at the end. */
static char peek(const struct scan *scan) {
    return scan->at < scan->end ? *scan->at : 0;
}

static void skip_spaces(struct scan *scan) {
    while (peek(scan) == ' ' || peek(scan) == '\n' || peek(scan) == '\t' || peek(scan) == '\r') {
        scan->at++;
    }
}

static bool scan_digits(struct scan *scan) {
    const char *start = scan->at;
    while (is_digit(peek(scan))) {
        scan->at++;
    }
    return scan->at > start || fail(scan, "a number lacks a digit");
}

static bool scan_number(struct scan *scan) {
    const char *start = scan->at;
    scan->at += peek(scan) == '-';
    if (peek(scan) == '0') {
        scan->at++;
        if (is_digit(peek(scan))) {
            return fail(scan, "a number starts with 0");
        }
    } else if (!scan_digits(scan)) {
        return false;
    }
    if (peek(scan) == '.') {
        scan->at++;
        if (!scan_digits(scan)) {
            return false;
        }
    }
    if (peek(scan) == 'e' || peek(scan) == 'E') {
        scan->at++;
        scan->at += peek(scan) == '-' || peek(scan) == '+';
        if (!scan_digits(scan)) {
            return false;
        }
    }
    scan->numbers++;
    return scan->at - start <= PERP_JSON_MAX_NUMBER || fail(scan, "a number is too long");
}

/* The four digits of \uXXXX; -1: they are not there. */
static int scan_hex4(struct scan *scan) {
    int code = 0;
    if (scan->end - scan->at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        char c = *scan->at++;
        if (!is_digit(c) && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F')) {
            return -1;
        }
        code = code * 16 + (is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return code;
}

static bool scan_escape(struct scan *scan, bool first) {
    scan->at++;
    char c = peek(scan);
    if (c == 0 || strchr("\"\\/bfnrtu", c) == NULL) {
        return fail(scan, "an unknown escape in a string");
    }
    scan->at++;
    if (c != 'u') {
        return true;
    }
    int code = scan_hex4(scan);
    if (code < 0) {
        return fail(scan, "an escape \\u without four hex digits");
    }
    if (code == 0 || (code == MARK && first)) {
        return fail(scan, "a forbidden control character in a string");
    }
    if (code >= 0xd800 && code < 0xe000) {
        bool paired = code < 0xdc00 && scan->end - scan->at >= 6 && memcmp(scan->at, "\\u", 2) == 0;
        scan->at += paired ? 2 : 0;
        int low = paired ? scan_hex4(scan) : -1;
        return (low >= 0xdc00 && low < 0xe000) || fail(scan, "half a surrogate pair in a string");
    }
    return true;
}

static bool scan_string(struct scan *scan) {
    const char *start = ++scan->at;
    for (;;) {
        if (scan->at >= scan->end) {
            return fail(scan, "a string does not end");
        }
        unsigned char c = (unsigned char)*scan->at;
        if (c == '"') {
            scan->at++;
            return true;
        }
        if (c < 0x20) {
            return fail(scan, "a control character in a string");
        }
        if (c != '\\') {
            scan->at++;
        } else if (!scan_escape(scan, scan->at == start)) {
            return false;
        }
    }
}

static bool scan_word(struct scan *scan, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0) {
        return fail(scan, "an unexpected character");
    }
    scan->at += length;
    return true;
}

/* A value, or the start of one: after '{' or '[' its inside comes next. */
static bool scan_value(struct scan *scan) {
    if (++scan->values > PERP_JSON_MAX_VALUES) {
        return fail(scan, "too many values");
    }
    char c = peek(scan);
    switch (c) {
    case '{':
    case '[':
        if (scan->depth == PERP_JSON_MAX_DEPTH) {
            return fail(scan, "nested too deep");
        }
        scan->open[scan->depth++] = c;
        scan->at++;
        return true;
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    default:
        if (c == '-' || is_digit(c)) {
            return scan_number(scan);
        }
        return fail(scan, scan->at < scan->end ? "an unexpected character" : "it ends too early");
    }
}

/* What comes before a value inside the innermost open one: a name and a colon, or nothing. */
static bool scan_name(struct scan *scan) {
    if (scan->open[scan->depth - 1] == '[') {
        return true;
    }
    if (peek(scan) != '"') {
        return fail(scan, "a name was expected");
    }
    if (!scan_string(scan)) {
        return false;
    }
    skip_spaces(scan);
    if (peek(scan) != ':') {
        return fail(scan, "a colon was expected");
    }
    scan->at++;
    skip_spaces(scan);
    return true;
}

static bool scan_text(struct scan *scan) {
    bool fresh = true; /* just after an opening bracket, or at the start */
    skip_spaces(scan);
    do {
        if (scan->depth > 0) {
            char close = scan->open[scan->depth - 1] == '{' ? '}' : ']';
            if (peek(scan) == close) {
                scan->at++;
                scan->depth--;
                fresh = false;
                skip_spaces(scan);
                continue;
            }
            if (!fresh) {
                if (peek(scan) != ',') {
                    return fail(scan, "a comma or a closing bracket was expected");
                }
                scan->at++;
                skip_spaces(scan);
            }
            if (!scan_name(scan)) {
                return false;
            }
        }
        int depth = scan->depth;
        if (!scan_value(scan)) {
            return false;
        }
        fresh = scan->depth > depth;
        skip_spaces(scan);
    } while (scan->depth > 0);
    return scan->at == scan->end || fail(scan, "something follows the value");
}

/* Copies a text whose grammar was checked and makes each number a marked string; ends it with a
 * zero. */
static void mark_numbers(const char *text, const char *end, char *out) {
    bool in_string = false;
    while (text < end) {
        if (in_string || (*text != '-' && !is_digit(*text))) {
            if (in_string && *text == '\\') {
                *out++ = *text++;
            } else if (*text == '"') {
                in_string = !in_string;
            }
            *out++ = *text++;
            continue;
        }
        *out++ = '"';
        *out++ = MARK;
        while (text < end && (is_digit(*text) || strchr("+-.eE", *text) != NULL)) {
            *out++ = *text++;
        }
        *out++ = '"';
    }
    *out = 0;
}

cJSON *perp_json_parse(const char *text, size_t length, const char **why) {
    if (!perp_text_is_utf8(text, length)) {
        *why = "not valid UTF-8, or a zero byte";
        return NULL;
    }
    struct scan scan = {.at = text, .end = text + length};
    if (!scan_text(&scan)) {
        *why = scan.why;
        return NULL;
    }
    *why = PERP_JSON_NO_MEMORY;
    size_t size = length + 3 * scan.numbers;
    char *marked = malloc(size + 1);
    if (marked == NULL) {
        return NULL;
    }
    mark_numbers(text, text + length, marked);
    cJSON *json = cJSON_ParseWithLength(marked, size);
    free(marked);
    if (json != NULL) {
        *why = NULL;
    }
    return json;
}

bool perp_json_is_number(const cJSON *item) {
    return cJSON_IsString(item) && item->valuestring[0] == MARK;
}

bool perp_json_is_string(const cJSON *item) {
    return cJSON_IsString(item) && item->valuestring[0] != MARK;
}

const char *perp_json_text(const cJSON *item) {
    return cJSON_IsString(item) ? item->valuestring + perp_json_is_number(item) : NULL;
}

bool perp_json_double(const cJSON *item, double *out) {
    return perp_json_is_number(item) && perp_text_to_double(item->valuestring + 1, out);
}

static bool to_signed(bool negative, uint64_t magnitude, int64_t *out) {
    if (magnitude > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *out = negative ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
    return true;
}

bool perp_json_int64(const cJSON *item, int64_t *out) {
    bool negative;
    uint64_t magnitude;
    return perp_json_is_number(item) &&
           perp_text_to_exact(item->valuestring + 1, 0, &negative, &magnitude) == PERP_EXACT_OK &&
           to_signed(negative, magnitude, out);
}

bool perp_json_uint64(const cJSON *item, uint64_t *out) {
    bool negative;
    uint64_t magnitude;
    if (!perp_json_is_number(item) ||
        perp_text_to_exact(item->valuestring + 1, 0, &negative, &magnitude) != PERP_EXACT_OK ||
        negative) {
        return false;
    }
    *out = magnitude;
    return true;
}

bool perp_json_usd(const cJSON *item, perp_usd *out, bool *range) {
    bool negative = false;
    uint64_t magnitude = 0;
    *range = false;
    if (!perp_json_is_number(item)) {
        return false;
    }
    enum perp_exact exact = perp_text_to_exact(item->valuestring + 1, 6, &negative, &magnitude);
    if (exact == PERP_EXACT_OK && to_signed(negative, magnitude, out)) {
        return true;
    }
    *range = exact != PERP_EXACT_DECIMALS;
    return false;
}

bool perp_json_bool(const cJSON *item, bool *out) {
    if (!cJSON_IsBool(item)) {
        return false;
    }
    *out = cJSON_IsTrue(item);
    return true;
}

bool perp_json_uuid(const cJSON *item, perp_uuid *out) {
    return perp_json_is_string(item) &&
           perp_text_to_uuid(item->valuestring, strlen(item->valuestring), out);
}

const char *perp_json_odd_name(const cJSON *object, const char *const *names) {
    const cJSON *item;
    /* Each round that does not end the search used up one of the names, so it is short however long
       the object is. */
    cJSON_ArrayForEach(item, object) {
        const char *const *name = names;
        while (*name != NULL && strcmp(*name, item->string) != 0) {
            name++;
        }
        if (*name == NULL) {
            return item->string;
        }
        for (const cJSON *before = object->child; before != item; before = before->next) {
            if (strcmp(before->string, item->string) == 0) {
                return item->string;
            }
        }
    }
    return NULL;
}

bool perp_json_add_double(cJSON *object, const char *name, double value) {
    char text[32];
    if (!isfinite(value)) {
        return cJSON_AddNullToObject(object, name) != NULL;
    }
    perp_text_double(value, text);
    return cJSON_AddRawToObject(object, name, text) != NULL;
}

bool perp_json_add_usd(cJSON *object, const char *name, perp_usd amount) {
    char text[32];
    perp_text_usd(amount, text);
    return cJSON_AddRawToObject(object, name, text) != NULL;
}

bool perp_json_add_int64(cJSON *object, const char *name, int64_t value) {
    char text[32];
    perp_text_int64(value, text);
    return cJSON_AddRawToObject(object, name, text) != NULL;
}

bool perp_json_add_uint64(cJSON *object, const char *name, uint64_t value) {
    char text[32];
    perp_text_uint64(value, text);
    return cJSON_AddRawToObject(object, name, text) != NULL;
}

bool perp_json_add_time(cJSON *object, const char *name, int64_t time_ns) {
    char text[40];
    if (time_ns == PERP_TIME_NONE) {
        return cJSON_AddNullToObject(object, name) != NULL;
    }
    perp_text_time(time_ns, text);
    return cJSON_AddStringToObject(object, name, text) != NULL;
}

perp_status perp_json_finish(cJSON *json, char *buffer, size_t capacity, size_t *length) {
    char *text = json == NULL ? NULL : cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (text == NULL) {
        return PERP_E_NOMEM;
    }
    *length = strlen(text);
    bool fits = *length < capacity;
    if (fits) {
        memcpy(buffer, text, *length + 1);
    }
    cJSON_free(text);
    return fits ? PERP_OK : PERP_E_RANGE;
}
