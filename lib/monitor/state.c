/* The state as JSON, and the alerts alone: made from a snapshot, without the lock. */
#include "monitor/monitor.h"

#include <string.h>

static const char *exchange_name(const perp_core *core, perp_exchange_id id) {
    return core->exchanges[id].spec.name;
}

static void put_global(struct perp_out *out, const perp_monitor_global *stats) {
    perp_out_begin(out, PERP_KEY("global_stats"));
    PERP_MONITOR_GLOBAL_LIST(PERP_OUT)
    perp_out_end(out);
}

static void put_pool(struct perp_out *out, const char *name, const perp_monitor_pool *stats) {
    perp_out_begin_named(out, name);
    PERP_MONITOR_POOL_LIST(PERP_OUT)
    perp_out_end(out);
}

static void put_capital(struct perp_out *out, const perp_monitor_capital *stats) {
    perp_out_begin_named(out, stats->exchange);
    PERP_MONITOR_CAPITAL_LIST(PERP_OUT)
    perp_out_begin(out, PERP_KEY("pools"));
    for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++)
        put_pool(out, perp_pool_string(pool), &stats->pools[pool]);
    perp_out_end(out);
    perp_out_end(out);
}

/* What the parts that show markets are written from. */
struct market_part {
    const struct perp_taken_state *state;
    const struct perp_texts *texts;
};

/* NULL: nothing more is to be written. */
static const struct perp_market_text *text_at(struct perp_out *out, const struct market_part *part,
                                              perp_instrument_id id,
                                              struct perp_market_text *spare) {
    if (out->text.failed)
        return NULL;
    const struct perp_market_text *text = perp_texts_at(part->texts, part->state, id, spare);
    out->text.failed = !text;
    return text;
}

static void put_rates(struct perp_out *out, const struct market_part *part,
                      perp_exchange_id exchange) {
    struct perp_market_text spare;
    perp_instrument_id id = part->texts->on_exchange[exchange].first;
    for (; id < part->state->budgets.n_instruments; id = part->texts->links[id].next_on_exchange) {
        const struct perp_market_text *text = text_at(out, part, id, &spare);
        if (!text)
            return;
        if (!text->rate_length)
            continue;
        perp_json_text_item(&out->text);
        perp_json_text_put(&out->text, text->rate + 1, text->rate_length);
    }
}

static void put_exchange(struct perp_out *out, const struct market_part *part,
                         perp_exchange_id exchange) {
    const perp_monitor_exchange *stats = &part->state->s->exchanges[exchange];
    perp_out_begin_named(out, exchange_name(part->state->core, exchange));
    PERP_MONITOR_EXCHANGE_LIST(PERP_OUT)
    perp_out_begin(out, PERP_KEY("funding_rates"));
    put_rates(out, part, exchange);
    perp_out_end(out);
    perp_out_end(out);
}

static void put_exchanges_of(struct perp_out *out, const perp_core *core,
                             const perp_monitor_job *job) {
    uint64_t seen = 0;
    perp_out_begin_list(out, PERP_KEY("exchanges"));
    for (uint32_t i = 0; i < job->n_legs; i++) {
        perp_exchange_id exchange = perp_instrument_at(core, job->instruments[i])->spec.exchange;
        if (!(seen >> exchange & 1))
            perp_out_item(out, exchange_name(core, exchange));
        seen |= UINT64_C(1) << exchange;
    }
    perp_out_end_list(out);
}

/* Behind the key of the list. */
static void put_job_list(struct perp_out *out, const perp_core *core, const perp_monitor_job *jobs,
                         uint32_t n) {
    for (const perp_monitor_job *stats = jobs; stats < jobs + n; stats++) {
        perp_out_begin_item(out);
        PERP_MONITOR_JOB_LIST(PERP_OUT)
        put_exchanges_of(out, core, stats);
        perp_out_end(out);
    }
    perp_out_end_list(out);
}

static void put_jobs(struct perp_out *out, const struct perp_taken_state *state) {
    const perp_core *core = state->core;
    const perp_monitor_state *s = state->s;
    const perp_monitor_jobs *stats = &s->jobs;
    perp_out_begin(out, PERP_KEY("jobs_stats"));
    PERP_MONITOR_JOBS_LIST(PERP_OUT)
    perp_out_begin_list(out, PERP_KEY("running_jobs"));
    put_job_list(out, core, state->running, s->n_running);
    perp_out_begin_list(out, PERP_KEY("recent_completed"));
    put_job_list(out, core, s->recent_completed, s->n_recent_completed);
    perp_out_begin_list(out, PERP_KEY("top_pending"));
    put_job_list(out, core, s->top_pending, s->n_top_pending);
    perp_out_end(out);
}

static void put_fast(struct perp_out *out, const perp_core *core, perp_instrument_id id,
                     double volatility) {
    const perp_instrument_spec *spec = &perp_instrument_at(core, id)->spec;
    perp_out_begin_item(out);
    perp_out_text(out, PERP_KEY("exchange"), exchange_name(core, spec->exchange));
    perp_out_text(out, PERP_KEY("symbol"), spec->symbol);
    perp_out_number(out, PERP_KEY("short_term_volatility"), volatility);
    perp_out_end(out);
}

static void put_fast_markets(struct perp_out *out, const struct market_part *part) {
    struct perp_market_text spare;
    perp_out_begin_list(out, PERP_KEY("fast_markets"));
    for (perp_instrument_id id = 0; id < part->state->budgets.n_instruments; id++) {
        const struct perp_market_text *text = text_at(out, part, id, &spare);
        if (!text)
            return;
        if (text->volatility >= part->state->volatility_threshold)
            put_fast(out, part->state->core, id, text->volatility);
    }
    perp_out_end_list(out);
}

static void put_refusals(struct perp_out *out, const struct perp_taken_state *state) {
    const uint64_t *refusals = state->s->refusals;
    perp_out_begin(out, PERP_KEY("refusals"));
    for (uint32_t i = 0; i < PERP_RULE_COUNT; i++)
        perp_out_named_count(out, perp_reason_string(perp_rules[i]), refusals[perp_rules[i]]);
    for (uint32_t i = 0; i < PERP_MAX_HOST_RULES; i++)
        if (state->host_rules[i][0])
            perp_out_named_count(out, state->host_rules[i], refusals[PERP_REASON_HOST_1 + i]);
    perp_out_end(out);
}

static void put_risk(struct perp_out *out, const struct market_part *part) {
    const perp_monitor_state *s = part->state->s;
    const perp_monitor_risk *stats = &s->risk;
    perp_out_begin(out, PERP_KEY("risk_stats"));
    put_fast_markets(out, part);
    perp_out_begin_list(out, PERP_KEY("delayed_exchanges"));
    for (perp_exchange_id id = 0; id < s->n_exchanges; id++)
        if (s->exchanges[id].delayed)
            perp_out_item(out, s->capital[id].exchange);
    perp_out_end_list(out);
    PERP_MONITOR_RISK_LIST(PERP_OUT)
    put_refusals(out, part->state);
    perp_out_end(out);
}

/* All instruments of the symbol of its first one. */
static void put_symbol(struct perp_out *out, const struct market_part *part,
                       perp_instrument_id id) {
    struct perp_market_text spare;
    perp_out_begin_named(out, perp_instrument_at(part->state->core, id)->spec.symbol);
    for (; id < part->state->budgets.n_instruments; id = part->texts->links[id].next_of_symbol) {
        const struct perp_market_text *text = text_at(out, part, id, &spare);
        if (!text)
            return;
        perp_json_text_item(&out->text);
        perp_json_text_put(&out->text, text->market + 1, text->length);
    }
    perp_out_end(out);
}

static void put_markets(struct perp_out *out, const struct market_part *part) {
    perp_out_begin(out, PERP_KEY("market_stats"));
    for (perp_instrument_id id = 0; id < part->state->budgets.n_instruments; id++)
        if (part->texts->links[id].is_first)
            put_symbol(out, part, id);
    perp_out_end(out);
}

static void put_alert(void *user, const perp_alert *alert) {
    struct perp_out *out = user;
    perp_out_begin_item(out);
    perp_out_text(out, PERP_KEY("code"), perp_alert_string(alert->code));
    perp_out_text(out, PERP_KEY("level"), perp_alert_level_string(alert->level));
    perp_out_text(out, PERP_KEY("subject"), alert->subject);
    perp_out_time(out, PERP_KEY("since"), alert->since_ns);
    perp_out_text(out, PERP_KEY("message"), alert->message);
    perp_out_end(out);
}

static perp_status put_state(struct perp_out *out, const struct market_part *part) {
    const struct perp_taken_state *state = part->state;
    const perp_monitor_state *s = state->s;
    perp_json_text_put(&out->text, "{", 1);
    put_global(out, &s->global);
    perp_out_begin(out, PERP_KEY("capital_stats"));
    for (perp_exchange_id id = 0; id < s->n_exchanges; id++)
        put_capital(out, &s->capital[id]);
    perp_out_end(out);
    perp_out_begin(out, PERP_KEY("exchange_stats"));
    for (perp_exchange_id id = 0; id < s->n_exchanges; id++)
        put_exchange(out, part, id);
    perp_out_end(out);
    put_jobs(out, state);
    put_risk(out, part);
    put_markets(out, part);
    perp_out_positions(out, state->core, state->shown);
    perp_out_orders(out, state->core, s);
    perp_out_begin_list(out, PERP_KEY("alerts"));
    perp_status status = perp_alerts_each(state, put_alert, out);
    perp_out_end_list(out);
    perp_out_time(out, PERP_KEY("last_update"), s->last_update_ns);
    perp_out_end(out);
    return status == PERP_OK && out->text.failed ? PERP_E_NOMEM : status;
}

/* Takes a state and passes it to `use`. The snapshot lies on the stack: an allocator is called
   under the lock, and one that has a large block to find or to take back makes decisions wait.
   shown: where positions go; NULL: nobody asks for them. */
static perp_status with_state(const perp_core *core, int64_t now_ns, struct perp_shown *shown,
                              perp_status (*use)(void *user, const struct perp_taken_state *state),
                              void *user) {
    struct perp_taken_state state;
    state.shown = shown;
    perp_monitor_state s;
    perp_status status = perp_state_take(core, now_ns, &s, &state);
    if (status == PERP_OK)
        status = use(user, &state);
    perp_state_close(&state);
    return status;
}

/* Where the text goes. */
struct text_room {
    char *buffer;
    size_t capacity;
    size_t *length;
};

/* Written beside the caller's buffer, which stays as it is where not all of it fits. */
static perp_status write_json(const struct perp_taken_state *state, struct perp_texts *texts,
                              const struct text_room *room) {
    struct market_part part = {state, texts};
    struct perp_text_room own_room = {state->core, texts};
    struct perp_out out = {.host_rules = state->host_rules};
    perp_status status = perp_texts_take(texts, state);
    if (status != PERP_OK)
        return status;
    perp_texts_write(&own_room, &out.text);
    status = put_state(&out, &part);
    if (status != PERP_OK)
        return status;
    size_t length = (size_t)(out.text.at - out.text.start);
    *room->length = length;
    if (length >= room->capacity)
        return PERP_E_RANGE;
    memcpy(room->buffer, out.text.start, length);
    room->buffer[length] = 0;
    return PERP_OK;
}

static perp_status make_json(void *user, const struct perp_taken_state *state) {
    struct perp_texts own;
    struct perp_texts *texts = perp_texts_begin(state->core, state->texts, &own);
    perp_status status = write_json(state, texts, user);
    perp_texts_end(state->core, texts, &own);
    return status;
}

perp_status perp_monitor_json(const perp_core *core, int64_t now_ns, char *buffer, size_t capacity,
                              size_t *length) {
    if (!core || !length || (capacity && !buffer))
        return perp_fail(core, PERP_E_INVALID, "monitor: NULL");
    struct text_room room = {buffer, capacity, length};
    struct perp_shown shown;
    shown.all = true;
    perp_status status = with_state(core, now_ns, &shown, make_json, &room);
    if (status == PERP_E_RANGE)
        return perp_fail(core, status, "monitor: needs %zu bytes, has %zu", *length + 1, capacity);
    return status == PERP_OK ? PERP_OK : perp_fail(core, status, "monitor: no memory");
}

struct alert_rows {
    perp_alert *alerts;
    uint32_t capacity;
    uint32_t count;
};

static void take_alert(void *user, const perp_alert *alert) {
    struct alert_rows *rows = user;
    if (rows->count < rows->capacity)
        rows->alerts[rows->count] = *alert;
    rows->count++;
}

static perp_status list_alerts(void *user, const struct perp_taken_state *state) {
    return perp_alerts_each(state, take_alert, user);
}

perp_status perp_monitor_alerts(const perp_core *core, int64_t now_ns, perp_alert *alerts,
                                uint32_t capacity, uint32_t *count) {
    if (!core || !count || (capacity && !alerts))
        return perp_fail(core, PERP_E_INVALID, "alerts: NULL");
    struct alert_rows rows = {alerts, capacity, 0};
    perp_status status = with_state(core, now_ns, NULL, list_alerts, &rows);
    if (status == PERP_OK)
        *count = rows.count;
    return status;
}
