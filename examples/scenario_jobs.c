/* The ops of jobs: from evaluate to their end. */
#include "scenario.h"

#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/text.h"

#define IN_STATE(name) (1U << PERP_JOB_##name)

static perp_scheduler *scheduler_of(const struct line *line) {
    return perp_core_scheduler(line->run->core);
}

static bool read_job(struct line *line, perp_job *job, char metadata[PERP_MAX_METADATA]) {
    cJSON *part = cJSON_GetObjectItemCaseSensitive(line->json, "job");
    char *text = line_take_text(line, part);
    perp_job_init(job);
    bool read = text && line_did(line, perp_job_from_json(line->run->core, text, strlen(text), job,
                                                          metadata));
    cJSON_free(text);
    return read && line_ready(line);
}

static void put_components(struct line *line, const perp_evaluation *evaluation) {
    cJSON *components = put_object(line, line->answer, "components");
    for (uint32_t i = 0; i < PERP_COMPONENT_COUNT; i++)
        put_number(line, components, perp_component_string(i), evaluation->components[i]);
}

static void put_legs(struct line *line, const perp_evaluation *evaluation) {
    cJSON *legs = put_list(line, line->answer, "legs");
    for (uint32_t i = 0; i < evaluation->n_legs; i++) {
        const perp_leg_evaluation *leg = &evaluation->legs[i];
        cJSON *entry = add_object(line, legs);
        put_number(line, entry, "price", leg->price);
        put_number(line, entry, "slippage_bps", leg->slippage_bps);
        put_number(line, entry, "fee_bps", leg->fee_bps);
        put_number(line, entry, "liquidation_price", leg->liquidation_price);
        put_number(line, entry, "liquidation_distance", leg->liquidation_distance);
    }
}

static const char *reason_of(const struct line *line, uint32_t reason) {
    return perp_risk_reason_string(perp_core_risk(line->run->core), reason);
}

static const char *reason_or_null(const struct line *line, uint32_t reason) {
    return reason == PERP_REASON_NONE ? NULL : reason_of(line, reason);
}

void scenario_evaluate(struct line *line) {
    char metadata[PERP_MAX_METADATA];
    perp_evaluation found;
    perp_job job;
    cJSON *reasons;
    perp_evaluation_init(&found);
    if (!read_job(line, &job, metadata) ||
        !line_did(line, perp_risk_evaluate(perp_core_risk(line->run->core), line->call.now_ns, &job,
                                           &found)))
        return;
    put_text(line, line->answer, "decision", found.accepted ? "accept" : "reject");
    put_text(line, line->answer, "reason", reason_or_null(line, found.reason));
    reasons = put_list(line, line->answer, "reasons");
#define PERP_X(name, number, text, ...)                                                            \
    if (found.reasons & PERP_REASON_BIT(number))                                                   \
        add_text(line, reasons, text);
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
    put_flag(line, line->answer, "override", found.override_used);
    put_flag(line, line->answer, "reducing", found.reducing);
    put_number(line, line->answer, "safety_score", found.safety_score);
    put_number(line, line->answer, "volume_score", found.volume_score);
    put_number(line, line->answer, "final_score", found.final_score);
    put_components(line, &found);
    put_number(line, line->answer, "cost_bps", found.cost_bps);
    put_number(line, line->answer, "carry_bps", found.carry_bps);
    put_number(line, line->answer, "funding_bps", found.funding_bps);
    put_number(line, line->answer, "edge_bps", found.edge_bps);
    put_legs(line, &found);
}

void scenario_submit(struct line *line) {
    char metadata[PERP_MAX_METADATA];
    perp_job job;
    if (read_job(line, &job, metadata))
        (void)line_did(line, perp_scheduler_submit(scheduler_of(line), &line->call, &job));
}

/* A call that takes only the id of a job in one of some states. */
static void with_job(struct line *line, uint32_t states,
                     perp_status (*call)(perp_scheduler *, const perp_call *, const perp_uuid *)) {
    perp_uuid job_id = line_uuid(line, "job_id");
    line_addresses_job(line, &job_id, states);
    if (line_ready(line))
        (void)line_did(line, call(scheduler_of(line), &line->call, &job_id));
}

void scenario_cancel(struct line *line) {
    perp_uuid job_id = line_uuid(line, "job_id");
    perp_job_info info = {.struct_size = sizeof info};
    with_job(line, IN_STATE(PENDING) | IN_STATE(RUNNING) | IN_STATE(IN_DOUBT),
             perp_scheduler_cancel);
    /* One that has ended may be forgotten by now. */
    if (line->status == PERP_OK &&
        perp_scheduler_job(scheduler_of(line), &job_id, &info) == PERP_OK && info.cancel_asked)
        put_flag(line, line->answer, "requested", true);
}

void scenario_requeue(struct line *line) {
    with_job(line, IN_STATE(IN_DOUBT), perp_scheduler_requeue);
}

void scenario_job(struct line *line) {
    perp_uuid job_id = line_uuid(line, "job_id");
    perp_job_info info = {.struct_size = sizeof info};
    if (!line_ready(line) ||
        !line_did(line, perp_scheduler_job(scheduler_of(line), &job_id, &info)))
        return;
    put_text(line, line->answer, "state", perp_job_state_string(info.state));
    put_text(line, line->answer, "last_refusal", reason_or_null(line, info.last_refusal));
    put_money(line, line->answer, "held", info.held);
    cJSON *filled = put_list(line, line->answer, "filled");
    for (uint32_t i = 0; i < info.job.n_legs; i++)
        add_number(line, filled, info.legs[i].filled);
    put_money(line, line->answer, "pnl", info.pnl);
    put_money(line, line->answer, "volume", info.volume);
    put_money(line, line->answer, "fees", info.fees);
    put_orders(line, "orders",
               &(perp_order_filter){.struct_size = sizeof(perp_order_filter),
                                    .state = PERP_NO_ID,
                                    .exchange = PERP_ALL_EXCHANGES,
                                    .has_job = 1,
                                    .job_id = job_id});
    if (info.unhedged_since_ns == PERP_TIME_NONE)
        put_text(line, line->answer, "unhedged_since", NULL);
    else
        put_count(line, line->answer, "unhedged_since", (uint64_t)(info.unhedged_since_ns / 1000));
}

/* ---- tick ----------------------------------------------------------------------------------- */

static int by_job(const void *a, const void *b) {
    return memcmp(a, b, sizeof(perp_uuid));
}

/* What stands in the tick's place as actor and reason is the call's. */
static void stop(const struct scenario *run, const perp_execution *job, uint32_t what) {
    perp_scheduler *scheduler = perp_core_scheduler(run->core);
    perp_exchange_id exchange =
        what == SCENARIO_KILLS_EXCHANGE ? job->orders[0].exchange : PERP_ALL_EXCHANGES;
    if (what == SCENARIO_PAUSES)
        (void)perp_scheduler_pause(scheduler, run->call);
    else
        (void)perp_scheduler_kill(scheduler, run->call, 1, exchange, NULL, 0, NULL);
}

void scenario_execute(void *user, const perp_execution *job, uint32_t *outcome) {
    const struct scenario *run = user;
    const struct scenario_outcome *found = NULL;
    if (run->n_outcomes > 0)
        found =
            bsearch(&job->job_id, run->outcomes, run->n_outcomes, sizeof *run->outcomes, by_job);
    *outcome = found ? found->outcome : (uint32_t)PERP_OUTCOME_ACCEPTED;
    if (found && found->stop != SCENARIO_GOES_ON)
        stop(run, job, found->stop);
}

static bool read_outcome(struct line *line, const cJSON *item, struct scenario_outcome *outcome) {
    static const struct {
        const char *name;
        uint32_t outcome, stop;
    } outcomes[] = {
        {"refused", PERP_OUTCOME_REFUSED, SCENARIO_GOES_ON},
        {"declined", PERP_OUTCOME_DECLINED, SCENARIO_GOES_ON},
        {"in_doubt", PERP_OUTCOME_IN_DOUBT, SCENARIO_GOES_ON},
        {"kill", PERP_OUTCOME_ACCEPTED, SCENARIO_KILLS},
        {"kill_exchange", PERP_OUTCOME_ACCEPTED, SCENARIO_KILLS_EXCHANGE},
        {"pause", PERP_OUTCOME_ACCEPTED, SCENARIO_PAUSES},
    };
    char shown[64];
    perp_text_show(item->string, shown, sizeof shown);
    if (!perp_json_is_string(item))
        return line_fail(line, PERP_E_INVALID, "outcomes.%s: must be a string", shown);
    if (perp_uuid_parse(item->string, strlen(item->string), &outcome->job_id) != PERP_OK)
        line_late(line, PERP_E_INVALID, "outcomes: %s is not a UUID", shown);
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (strcmp(item->valuestring, outcomes[i].name) == 0) {
            outcome->outcome = outcomes[i].outcome;
            outcome->stop = outcomes[i].stop;
            return true;
        }
    line_late(line, PERP_E_INVALID,
              "outcomes.%s: must be refused, declined, in_doubt, kill, kill_exchange or pause",
              shown);
    return true;
}

/* The outcomes of the line, to be freed; NULL: none, or the line failed. */
static struct scenario_outcome *read_outcomes(struct line *line, size_t *n_outcomes) {
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(line->json, "outcomes");
    const cJSON *item;
    struct scenario_outcome *outcomes;
    size_t n = 0;
    if (!map)
        return NULL;
    outcomes = calloc((size_t)cJSON_GetArraySize(map) + 1, sizeof *outcomes);
    if (!outcomes) {
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
        return NULL;
    }
    cJSON_ArrayForEach(item, map) {
        if (!read_outcome(line, item, &outcomes[n]))
            break;
        n++;
    }
    qsort(outcomes, n, sizeof *outcomes, by_job);
    for (size_t i = 1; i < n; i++)
        if (by_job(&outcomes[i - 1], &outcomes[i]) == 0)
            line_late(line, PERP_E_INVALID, "outcomes: a job is there twice");
    *n_outcomes = n;
    return outcomes;
}

static void put_tick_jobs(struct line *line, const char *name, uint32_t kind) {
    const perp_tick_result *result = &line->run->tick;
    cJSON *list = put_list(line, line->answer, name);
    for (uint32_t i = 0; i < result->n_items; i++)
        if (result->items[i].kind == kind)
            add_uuid(line, list, &result->items[i].job_id);
}

static void put_tick_map(struct line *line, const char *name, uint32_t kind) {
    const perp_tick_result *result = &line->run->tick;
    cJSON *map = put_object(line, line->answer, name);
    for (uint32_t i = 0; i < result->n_items; i++) {
        const perp_tick_item *item = &result->items[i];
        char id[37];
        if (item->kind != kind)
            continue;
        perp_uuid_format(&item->job_id, id);
        put_text(line, map, id, reason_of(line, item->reason));
    }
}

void scenario_tick(struct line *line) {
    static const char *const status_names[] = {"ok", "paused", "killed"};
    struct scenario *run = line->run;
    run->outcomes = read_outcomes(line, &run->n_outcomes);
    run->call = &line->call;
    if (line_ready(line) &&
        line_did(line, perp_scheduler_tick(scheduler_of(line), &line->call, &run->tick))) {
        put_tick_jobs(line, "dispatched", PERP_TICK_DISPATCHED);
        put_tick_jobs(line, "withdrawn", PERP_TICK_WITHDRAWN);
        put_tick_jobs(line, "repairs", PERP_TICK_REPAIR);
        put_tick_jobs(line, "expired", PERP_TICK_EXPIRED);
        put_tick_jobs(line, "overdue", PERP_TICK_OVERDUE);
        put_tick_map(line, "refused", PERP_TICK_REFUSED);
        put_tick_map(line, "skipped", PERP_TICK_SKIPPED);
        put_count(line, line->answer, "pending", run->tick.pending);
        put_count(line, line->answer, "running", run->tick.running);
        put_text(line, line->answer, "status", status_names[run->tick.status]);
    }
    free(run->outcomes);
    run->outcomes = NULL;
    run->n_outcomes = 0;
}

/* ---- finish and close ----------------------------------------------------------------------- */

static const char *result_name(uint32_t status) {
    static const char *const names[] = {"completed", "failed", "unknown", "nothing"};
    return names[status];
}

/* The legs of a line; how many. */
static uint32_t read_legs(struct line *line, perp_leg_result legs[PERP_MAX_LEGS]) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(line->json, "legs");
    const cJSON *entry;
    size_t n = 0;
    if (!list)
        return 0;
    cJSON_ArrayForEach(entry, list) {
        perp_leg_result *leg = &legs[n < PERP_MAX_LEGS ? n : 0];
        if (!line_enter(line, entry, "legs", n, SCENARIO_FILL_FIELDS))
            break;
        leg->filled = line_number(line, "filled", 0);
        leg->price = line_number(line, "price", 0);
        leg->fee = line_rounded_money(line, "fee", 0);
        leg->has_pnl = line_has(line, "pnl");
        leg->pnl = line_rounded_money(line, "pnl", 0);
        leg->time_ns = line_time_ns(line, "t", PERP_TIME_NONE);
        leg->known = !line_has(line, "known") || line_flag(line, "known");
        n++;
    }
    line_leave(line);
    if (n == 0 || n > PERP_MAX_LEGS)
        line_late(line, PERP_E_INVALID, "legs: no job has %zu", n);
    return (uint32_t)(n <= PERP_MAX_LEGS ? n : 0);
}

static void put_outcome(struct line *line, const perp_finish_outcome *outcome) {
    put_text(line, line->answer, "state", perp_job_state_string(outcome->state));
    if (outcome->state == PERP_JOB_PARTIAL) {
        cJSON *naked = put_object(line, line->answer, "naked");
        for (uint32_t i = 0; i < outcome->n_naked; i++)
            put_number(line, naked, outcome->naked[i].base, outcome->naked[i].quantity);
    }
}

void scenario_finish(struct line *line) {
    perp_uuid job_id = line_uuid(line, "job_id");
    perp_finish_outcome outcome = {.struct_size = sizeof outcome};
    perp_job_result result;
    perp_job_result_init(&result);
    result.from_orders = line_flag(line, "from_orders");
    if (!line_has(line, "status") && !result.from_orders)
        line_late(line, PERP_E_INVALID, "status: is missing");
    if (line_has(line, "status") && result.from_orders)
        line_late(line, PERP_E_INVALID, "status: its orders say it");
    result.status = line_choice(line, "status", result_name, PERP_RESULT_NOTHING + 1, 0);
    result.flat = line_flag(line, "flat");
    result.has_totals = line_has(line, "pnl") || line_has(line, "volume") || line_has(line, "fees");
    result.pnl = line_rounded_money(line, "pnl", 0);
    result.volume = line_money(line, "volume", 0);
    result.fees = line_rounded_money(line, "fees", 0);
    result.n_legs = read_legs(line, result.legs);
    line_addresses_job(line, &job_id, ~IN_STATE(PENDING));
    if (line_ready(line) && line_did(line, perp_scheduler_finish(scheduler_of(line), &line->call,
                                                                 &job_id, &result, &outcome)))
        put_outcome(line, &outcome);
}

static void tell_legs(struct line *line, uint32_t states,
                      perp_status (*tell)(perp_scheduler *, const perp_call *, const perp_uuid *,
                                          const perp_leg_result *, uint32_t)) {
    perp_uuid job_id = line_uuid(line, "job_id");
    perp_job_result result;
    perp_job_result_init(&result);
    uint32_t n = read_legs(line, result.legs);
    line_addresses_job(line, &job_id, states);
    if (line_ready(line))
        (void)line_did(line, tell(scheduler_of(line), &line->call, &job_id, result.legs, n));
}

void scenario_progress(struct line *line) {
    tell_legs(line, ~IN_STATE(PENDING), perp_scheduler_progress);
}

void scenario_amend(struct line *line) {
    tell_legs(line, ~0U, perp_scheduler_amend);
}

void scenario_close(struct line *line) {
    perp_uuid job_id = line_uuid(line, "job_id");
    perp_usd pnl = line_money(line, "pnl", 0);
    perp_usd volume = line_money(line, "volume", 0);
    perp_usd fees = line_money(line, "fees", 0);
    line_addresses_open_job(line, &job_id);
    if (line_ready(line))
        (void)line_did(line, perp_scheduler_close(scheduler_of(line), &line->call, &job_id, pnl,
                                                  volume, fees));
}
