/* A call: its parameters, where it goes, who may make it, and what the script does to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/hmac.h>

#include "fx.h"

#define RECEIVE_WINDOW_MS 5000
#define MOST_RECEIVE_WINDOW_MS 60000
#define MOST_AHEAD_MS 1000

/* ---- parameters ---- */

static int hex_of(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Takes percent signs out, until one of the ends; where it stopped. NULL: malformed or too long. */
static const char *unescape(const char *at, const char *ends, char *into, size_t size) {
    size_t n = 0;
    while (*at != '\0' && strchr(ends, *at) == NULL) {
        int c = (unsigned char)*at++;
        if (c == '%') {
            int high = hex_of(at[0]), low = high < 0 ? -1 : hex_of(at[1]);
            if (low < 0)
                return NULL;
            c = 16 * high + low;
            at += 2;
        } else if (c == '+') {
            c = ' ';
        }
        if (c == '\0' || n + 1 == size)
            return NULL;
        into[n++] = (char)c;
    }
    into[n] = '\0';
    return at;
}

static const char *read_params(struct fx_call *call, const char *at) {
    while (at != NULL && *at != '\0') {
        if (*at == '&') {
            at++;
            continue;
        }
        if (call->n_params == FX_MOST_PARAMS)
            return "Too many parameters sent.";
        char *name = call->names[call->n_params], *value = call->values[call->n_params];
        *value = '\0';
        at = unescape(at, "=&", name, FX_PARAM_NAME);
        if (at != NULL && *at == '=')
            at = unescape(at + 1, "&", value, FX_PARAM_VALUE);
        if (at == NULL)
            return "Malformed or too long parameter.";
        if (fx_param(call, name) != NULL)
            return "Duplicate values for a parameter detected.";
        call->n_params++;
    }
    return NULL;
}

const char *fx_param(const struct fx_call *call, const char *name) {
    for (int i = 0; i < call->n_params; i++)
        if (strcmp(call->names[i], name) == 0)
            return call->values[i];
    return NULL;
}

bool fx_param_whole(struct fx_call *call, const char *name, int64_t *value) {
    const char *text = fx_param(call, name);
    char message[96];
    if (text == NULL || fx_parse_whole(text, value))
        return true;
    snprintf(message, sizeof message, "Illegal characters found in parameter '%s'.", name);
    fx_call_fail(call, -1100, message);
    return false;
}

void fx_call_fail(struct fx_call *call, int code, const char *message) {
    cJSON_Delete(call->reply.json);
    call->reply.json = cJSON_CreateObject();
    call->reply.status = 400;
    cJSON_AddNumberToObject(call->reply.json, "code", code);
    char text[192];
    size_t n = 0;
    /* What came from outside may be repeated in it. */
    for (; *message != '\0' && n + 1 < sizeof text; message++)
        text[n++] = *message >= ' ' && *message <= '~' ? *message : '?';
    text[n] = '\0';
    cJSON_AddStringToObject(call->reply.json, "msg", text);
}

static void fail_with(struct fx_call *call, int status, int code, const char *message) {
    fx_call_fail(call, code, message);
    call->reply.status = status;
}

struct fx_market *fx_market_of(struct fx_venue *venue, struct fx_call *call) {
    const char *symbol = fx_param(call, "symbol");
    int instrument = symbol == NULL ? -1 : fx_instrument_of(venue, symbol);
    if (instrument >= 0)
        return &venue->markets[instrument];
    if (symbol == NULL)
        fx_call_fail(call, -1102,
                     "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.");
    else
        fx_call_fail(call, -1121, "Invalid symbol.");
    return NULL;
}

/* ---- where it goes ---- */

struct fx_venue *fx_venue_below(struct fx_exchange *exchange, const char *path, const char **rest) {
    if (*path != '/')
        return NULL;
    *rest = path + 1 + strcspn(path + 1, "/");
    return fx_venue_of(exchange, path + 1, (size_t)(*rest - path - 1));
}

/* NULL: nothing is there; `is_known`: but with another method. */
static const struct fx_route *route_of(const char *method, const char *rest, bool *is_known) {
    const struct fx_route *const tables[] = {fx_order_routes, fx_market_routes, fx_account_routes};
    *is_known = false;
    if (strncmp(rest, "/fapi/v", 7) != 0 || strchr("123", rest[7]) == NULL || rest[7] == '\0' ||
        rest[8] != '/')
        return NULL;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct fx_route *route = tables[i]; route->method != NULL; route++)
            if (strcmp(route->path, rest + 9) == 0) {
                *is_known = true;
                if (strcmp(route->method, method) == 0)
                    return route;
            }
    return NULL;
}

static void audit(struct fx_exchange *exchange, struct fx_call *call) {
    const char *orders = fx_param(call, "orders");
    if (strcmp(call->method, "GET") != 0)
        fail_with(call, 405, -5000, "Method not allowed.");
    else
        call->reply.json = fx_audit(exchange, orders == NULL || strcmp(orders, "0") != 0);
}

/* ---- who may make it ---- */

/* The text without its signature, which must be the last parameter. */
static size_t unsigned_length(const char *text) {
    const char *found = text == NULL ? NULL : strstr(text, "signature=");
    if (found == NULL)
        return text == NULL ? 0 : strlen(text);
    return (size_t)(found - text) - (found > text && found[-1] == '&');
}

static bool is_signed(const struct fx_exchange *exchange, const struct fx_call *call) {
    const char *given = fx_param(call, "signature");
    uint8_t digest[SHA256_DIGEST_SIZE];
    char wanted[2 * SHA256_DIGEST_SIZE + 1];
    struct hmac_sha256_ctx hash;
    if (given == NULL || fx_param(call, "timestamp") == NULL)
        return false;
    hmac_sha256_set_key(&hash, strlen(exchange->secret), (const uint8_t *)exchange->secret);
    hmac_sha256_update(&hash, unsigned_length(call->query), (const uint8_t *)call->query);
    hmac_sha256_update(&hash, unsigned_length(call->body), (const uint8_t *)call->body);
    hmac_sha256_digest(&hash, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(wanted + 2 * i, 3, "%02x", digest[i]);
    return strcmp(given, wanted) == 0;
}

/* False: it has been refused. */
static bool let_in(struct fx_exchange *exchange, const struct fx_route *route,
                   struct fx_call *call) {
    bool is_key = strcmp(route->path, "listenKey") == 0;
    if (exchange->key != NULL && (call->key == NULL || strcmp(call->key, exchange->key) != 0))
        fail_with(call, 401, -2015, "Invalid API-key, IP, or permissions for action.");
    else if (exchange->secret != NULL && !is_key && !is_signed(exchange, call))
        fx_call_fail(call, -1022, "Signature for this request is not valid.");
    else
        return true;
    return false;
}

static bool in_time(struct fx_venue *venue, struct fx_call *call) {
    int64_t now = fx_now_ms(venue), sent = now, window = RECEIVE_WINDOW_MS;
    if (!fx_param_whole(call, "timestamp", &sent) || !fx_param_whole(call, "recvWindow", &window))
        return false;
    if (window > MOST_RECEIVE_WINDOW_MS) {
        fx_call_fail(call, -1131, "recvWindow must be less than 60000.");
        return false;
    }
    if (sent <= now + MOST_AHEAD_MS && now <= sent + window)
        return true;
    venue->counts.too_late++;
    fx_call_fail(call, -1021,
                 sent > now ? "Timestamp for this request was ahead of the server's time."
                            : "Timestamp for this request is outside of the recvWindow.");
    return false;
}

/* ---- what becomes of it ---- */

static void answer_down(const struct fx_venue *venue, struct fx_call *call) {
    call->reply.is_lost = venue->down_closes;
    call->reply.status = 503;
    snprintf(call->reply.text, sizeof call->reply.text,
             "<html><body><h1>503 Service Unavailable</h1></body></html>\n");
}

static void answer_limited(const struct fx_venue *venue, struct fx_call *call) {
    int64_t left_us = venue->limited_until_us - venue->exchange->now_us;
    fail_with(call, 429, -1003, "Too many requests.");
    call->reply.retry_after_s = 1 + (int)(left_us / 1000000);
}

static void answer_unknown(struct fx_call *call) {
    fail_with(call, 503, -1000, "Unknown error, please check your request or try again later.");
}

/* The dice for a private call: all of them are thrown, whatever the first ones say. */
static struct fx_plan draw(struct fx_venue *venue, struct fx_call *call) {
    bool writes = strcmp(call->method, "POST") == 0 || strcmp(call->method, "DELETE") == 0;
    bool limits = fx_roll(venue, FX_rate_limit), before = fx_roll(venue, FX_lost_before);
    bool unknown = fx_roll(venue, FX_unknown_error), after = fx_roll(venue, FX_lost_after);
    bool lags = fx_roll(venue, FX_lag), half = sim_random_chance(&venue->dice, 0.5);
    struct fx_plan plan = {.lag_us = fx_some_us(venue, FX_lag_ms),
                           .runs_first = sim_random_chance(&venue->dice, 0.5)};
    if (limits || (before && writes) || (unknown && writes && half)) {
        plan = (struct fx_plan){.is_done = true};
        venue->counts.faults[limits             ? FX_rate_limit
                             : before && writes ? FX_lost_before
                                                : FX_unknown_error]++;
        if (limits) {
            venue->limited_until_us = venue->exchange->now_us + fx_some_us(venue, FX_rate_ms);
            answer_limited(venue, call);
        } else if (before && writes) {
            call->reply.is_lost = true;
        } else {
            answer_unknown(call);
        }
        return plan;
    }
    if ((unknown && writes) || after) {
        call->ends = unknown && writes ? FX_unknown_error : FX_lost_after;
        venue->counts.faults[call->ends]++;
    }
    venue->counts.faults[FX_lag] += lags;
    if (!lags)
        plan.lag_us = 0;
    return plan;
}

struct fx_plan fx_call_plan(struct fx_exchange *exchange, struct fx_call *call) {
    struct fx_plan plan = {.is_done = true};
    const char *rest = "";
    bool is_known = false;
    call->reply.status = 200;
    call->ends = FX_N_FAULTS;
    call->wrong = read_params(call, call->query);
    if (strcmp(call->path, "/audit") == 0 || strcmp(call->path, "/control") == 0)
        return (struct fx_plan){.is_done = false};
    if (call->wrong == NULL)
        call->wrong = read_params(call, call->body);
    struct fx_venue *venue = call->venue = fx_venue_below(exchange, call->path, &rest);
    if (venue == NULL) {
        fail_with(call, 404, -5000, "There is nothing here: /VENUE/fapi/v1/..., /audit, /control.");
        return plan;
    }
    venue->counts.requests++;
    const struct fx_route *route = route_of(call->method, rest, &is_known);
    if (fx_is_down(venue))
        answer_down(venue, call);
    else if (route == NULL)
        fail_with(call, is_known ? 405 : 404, -5000,
                  is_known ? "Method not allowed." : "Path is invalid.");
    else if (!route->is_private)
        plan.is_done = false;
    else if (exchange->now_us < venue->limited_until_us)
        answer_limited(venue, call);
    else
        plan = draw(venue, call);
    return plan;
}

static void run_route(struct fx_venue *venue, const struct fx_route *route, struct fx_call *call) {
    if (fx_is_down(venue)) {
        answer_down(venue, call); /* it went down while the call lagged */
    } else if (call->wrong != NULL) {
        venue->counts.malformed += strcmp(route->path, "order") == 0;
        fx_call_fail(call, -1100, call->wrong);
    } else if (!route->is_private ||
               (let_in(venue->exchange, route, call) && in_time(venue, call))) {
        route->run(venue, call);
    }
    if (call->ends == FX_unknown_error)
        answer_unknown(call);
    call->reply.is_lost = call->reply.is_lost || call->ends == FX_lost_after;
}

void fx_call_run(struct fx_exchange *exchange, struct fx_call *call) {
    const char *rest = "";
    bool is_known;
    if (strcmp(call->path, "/audit") == 0) {
        audit(exchange, call);
    } else if (strcmp(call->path, "/control") == 0) {
        fx_control(exchange, call);
    } else {
        struct fx_venue *venue = fx_venue_below(exchange, call->path, &rest);
        const struct fx_route *route =
            venue == NULL ? NULL : route_of(call->method, rest, &is_known);
        if (route != NULL)
            run_route(venue, route, call);
    }
}
