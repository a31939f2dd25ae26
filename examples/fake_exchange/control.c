/* What a test tells the exchange to do. All of a request is read before any of it is done. */
#include <stdio.h>
#include <string.h>

#include "fx.h"

#define MOST_DOWN_MS 3600000
#define MOST_ADVANCE_MS 3600000
#define MOST_MOVE_BPS 5000

struct wishes {
    const char *venue; /* NULL: all */
    bool has_script, settles, cuts, stops, goes, moves;
    struct fx_script script;
    int64_t down_ms, advance_ms;
    int instrument;
    double bps;
};

typedef bool reader(struct fx_exchange *exchange, const cJSON *value, struct wishes *wishes,
                    char *error, size_t size);

static bool say(char *error, size_t size, const char *text) {
    snprintf(error, size, "%s", text);
    return false;
}

static bool read_venue(struct fx_exchange *exchange, const cJSON *value, struct wishes *wishes,
                       char *error, size_t size) {
    const char *name = cJSON_GetStringValue(value);
    if (name == NULL || fx_venue_of(exchange, name, strlen(name)) == NULL)
        return say(error, size, "venue: no such venue");
    wishes->venue = name;
    return true;
}

static bool read_faults(struct fx_exchange *exchange, const cJSON *value, struct wishes *wishes,
                        char *error, size_t size) {
    (void)exchange;
    wishes->has_script = true;
    return fx_script_read(value, &wishes->script, error, size);
}

static bool read_settle(struct fx_exchange *exchange, const cJSON *value, struct wishes *wishes,
                        char *error, size_t size) {
    (void)exchange;
    wishes->settles = cJSON_IsTrue(value);
    return cJSON_IsBool(value) || say(error, size, "settle: true or false is wanted");
}

static bool read_cut(struct fx_exchange *exchange, const cJSON *value, struct wishes *wishes,
                     char *error, size_t size) {
    (void)exchange;
    wishes->cuts = cJSON_IsTrue(value);
    return cJSON_IsBool(value) || say(error, size, "cut: true or false is wanted");
}

/* A whole number from 1 to most. */
static bool read_ms(const cJSON *value, const char *name, int64_t most, int64_t *ms, char *error,
                    size_t size) {
    if (cJSON_IsNumber(value) && value->valuedouble >= 1 && value->valuedouble <= (double)most) {
        *ms = (int64_t)value->valuedouble;
        return true;
    }
    snprintf(error, size, "%s: a number from 1 to %lld is wanted", name, (long long)most);
    return false;
}

static bool read_down(struct fx_exchange *exchange, const cJSON *value, struct wishes *wishes,
                      char *error, size_t size) {
    (void)exchange;
    return read_ms(value, "down_ms", MOST_DOWN_MS, &wishes->down_ms, error, size);
}

static bool read_advance(struct fx_exchange *exchange, const cJSON *value, struct wishes *wishes,
                         char *error, size_t size) {
    if (!exchange->is_manual)
        return say(error, size, "advance_ms: only with --manual");
    return read_ms(value, "advance_ms", MOST_ADVANCE_MS, &wishes->advance_ms, error, size);
}

static bool read_market(struct fx_exchange *exchange, const cJSON *value, struct wishes *wishes,
                        char *error, size_t size) {
    const char *word = cJSON_GetStringValue(value);
    (void)exchange;
    wishes->stops = word != NULL && strcmp(word, "stop") == 0;
    wishes->goes = word != NULL && strcmp(word, "go") == 0;
    return wishes->stops || wishes->goes || say(error, size, "market: stop or go is wanted");
}

static bool read_move(struct fx_exchange *exchange, const cJSON *value, struct wishes *wishes,
                      char *error, size_t size) {
    const char *symbol = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(value, "symbol"));
    const cJSON *bps = cJSON_GetObjectItemCaseSensitive(value, "bps");
    wishes->instrument = symbol == NULL ? -1 : fx_instrument_of(&exchange->venues[0], symbol);
    if (wishes->instrument < 0)
        return say(error, size, "move: symbol: no such symbol");
    if (!cJSON_IsNumber(bps) ||
        !(bps->valuedouble >= -MOST_MOVE_BPS && bps->valuedouble <= MOST_MOVE_BPS))
        return say(error, size, "move: bps: a number from -5000 to 5000 is wanted");
    wishes->moves = true;
    wishes->bps = bps->valuedouble;
    return true;
}

static const struct {
    const char *name;
    reader *read;
} fields[] = {{"venue", read_venue},  {"faults", read_faults},     {"settle", read_settle},
              {"down_ms", read_down}, {"cut", read_cut},           {"market", read_market},
              {"move", read_move},    {"advance_ms", read_advance}};

static bool read_field(struct fx_exchange *exchange, const cJSON *field, struct wishes *wishes,
                       char *error, size_t size) {
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(field->string, fields[i].name) == 0)
            return fields[i].read(exchange, field, wishes, error, size);
    snprintf(error, size, "%.40s: no such field", field->string);
    return false;
}

static void grant(struct fx_venue *venue, const struct wishes *wishes) {
    if (wishes->has_script)
        venue->script = wishes->script;
    if (wishes->settles)
        fx_settle(venue);
    if (wishes->down_ms > 0)
        fx_down(venue, wishes->down_ms * 1000);
    if (wishes->cuts)
        fx_streams_cut(venue);
    if (wishes->stops || wishes->goes)
        venue->is_stopped = wishes->stops;
    if (wishes->moves) {
        /* The mid stays within what prices can be. */
        double *shift = &venue->markets[wishes->instrument].shift;
        *shift *= 1 + wishes->bps * 1e-4;
        *shift = *shift < 0.1 ? 0.1 : *shift > 10 ? 10 : *shift;
        fx_books_renew(venue);
        fx_match(venue, false);
    }
}

void fx_control(struct fx_exchange *exchange, struct fx_call *call) {
    struct wishes wishes = {0};
    char error[160] = "";
    cJSON *json = call->body == NULL ? NULL : cJSON_ParseWithOpts(call->body, NULL, true);
    bool fits = strcmp(call->method, "POST") == 0 && cJSON_IsObject(json);
    for (const cJSON *field = fits ? json->child : NULL; field != NULL && fits; field = field->next)
        fits = read_field(exchange, field, &wishes, error, sizeof error);
    if (!fits) {
        fx_call_fail(call, -5000, *error != '\0' ? error : "POST with a JSON object is wanted");
        cJSON_Delete(json);
        return;
    }
    for (int i = 0; i < exchange->n_venues; i++)
        if (wishes.venue == NULL || strcmp(wishes.venue, exchange->venues[i].name) == 0)
            grant(&exchange->venues[i], &wishes);
    if (wishes.advance_ms > 0)
        fx_run_until(exchange, exchange->now_us + wishes.advance_ms * 1000);
    cJSON_Delete(json);
    call->reply.json = cJSON_CreateObject();
    cJSON_AddNumberToObject(call->reply.json, "time", (double)(exchange->now_us / 1000));
}
