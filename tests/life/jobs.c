/* Jobs: what is submitted, what executors and exchanges tell of them, and the money beside them. */
#include "life.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

uint32_t l_list(struct life *life, uint32_t state, perp_uuid *ids) {
    uint32_t n = 0;
    if (perp_scheduler_list(perp_core_scheduler(life->books[0]), state, ids, L_JOBS, &n) != PERP_OK)
        l_fail(life, "list: %s", perp_core_error(life->books[0]));
    return n < L_JOBS ? n : L_JOBS;
}

static bool pick(struct life *life, uint32_t state, perp_job_info *info) {
    perp_uuid ids[L_JOBS];
    uint32_t n = l_list(life, state, ids);
    memset(info, 0, sizeof *info);
    info->struct_size = sizeof *info;
    if (n == 0)
        return false;
    if (perp_scheduler_job(perp_core_scheduler(life->books[0]), &ids[l_below(life, n)], info) !=
        PERP_OK)
        l_fail(life, "job: %s", perp_core_error(life->books[0]));
    return true;
}

/* ---- What is submitted ----------------------------------------------------------------------- */

static void add_leg(struct life *life, perp_job *job, uint32_t instrument, uint32_t side,
                    double quantity) {
    perp_leg *leg = &job->legs[job->n_legs++];
    leg->instrument = instrument;
    leg->side = side;
    /* A step of any instrument, so that sides that agree go on agreeing. */
    leg->quantity = ceil(quantity * 65536) / 65536;
    leg->notional = (perp_usd)llround(leg->quantity * l_price(life, instrument) * 1e6);
    leg->maker = l_chance(life, 12);
    uint32_t pick = l_below(life, 100);
    if (pick < 4)
        leg->leverage = 4 + l_below(life, 3);
    else if (pick < 8)
        leg->leverage = 8 + l_below(life, 5);
    else if (pick < 11)
        leg->leverage = 20 + l_below(life, 30);
}

/* Where jobs mostly buy, or they would meet what runs; two accounts at one venue are alike. */
static bool buys_on(const struct life *life, uint32_t instrument) {
    uint32_t x = life->instruments[instrument].exchange;
    return x % 2 == 0 || (x >= 3 && x + 1 == life->n_exchanges);
}

/* An instrument of the base, of a kind mostly: on another exchange than `other` was on. */
static uint32_t partner(struct life *life, uint32_t base, uint32_t other) {
    uint32_t i = 0;
    for (int tries = 0; tries < 40; tries++) {
        i = l_below(life, life->n_instruments);
        const struct l_instrument *candidate = &life->instruments[i];
        if (candidate->base != base || (candidate->kind == PERP_KIND_SPOT && l_chance(life, 70)))
            continue;
        if (other == PERP_NO_ID)
            return i;
        if (candidate->exchange != life->instruments[other].exchange &&
            (buys_on(life, i) != buys_on(life, other) || l_chance(life, 10)))
            return i;
    }
    return i;
}

static double quantity_for(struct life *life, uint32_t instrument) {
    double usd = l_uniform(life, 100, 3000);
    if (l_chance(life, 5))
        usd = l_uniform(life, 6000, 200000);
    return usd / l_price(life, instrument);
}

/* Buys and sells of a base, over any number of legs; also slightly, or grossly, apart. */
static void hedge(struct life *life, perp_job *job, uint32_t pairs) {
    uint32_t base = l_below(life, 3), first = partner(life, base, PERP_NO_ID);
    double quantity = quantity_for(life, first);
    for (uint32_t p = 0; p < pairs && job->n_legs + 2 <= PERP_MAX_LEGS; p++) {
        uint32_t second = partner(life, base, first);
        uint32_t side = buys_on(life, first) == l_chance(life, 95) ? PERP_SIDE_BUY : PERP_SIDE_SELL;
        double apart = l_chance(life, 15) ? l_uniform(life, 0.992, 1.008) : 1;
        add_leg(life, job, first, side, quantity);
        add_leg(life, job, second, !side, quantity * apart);
        first = partner(life, base, second);
    }
    if (pairs > 1 && job->n_legs < PERP_MAX_LEGS && l_chance(life, 30)) {
        /* an odd number: one side in two parts */
        perp_leg *last = &job->legs[job->n_legs - 1];
        uint32_t third = partner(life, base, last->instrument);
        double half = floor(last->quantity / 2 * 65536) / 65536, rest = last->quantity - half;
        last->quantity = rest;
        last->notional = (perp_usd)llround(rest * l_price(life, last->instrument) * 1e6);
        add_leg(life, job, third, last->side, half);
    }
}

/* One side of a base: against its net position, along with it, or of spot that is not there. */
static void rebalance(struct life *life, perp_job *job) {
    uint32_t i = l_below(life, life->n_instruments);
    perp_base_state base = {.struct_size = sizeof base};
    job->strategy = PERP_STRATEGY_HEDGE_REBALANCE;
    if (perp_positions_base(perp_core_positions(life->books[0]), life->instruments[i].base,
                            life->now, &base) != PERP_OK)
        l_fail(life, "base: %s", perp_core_error(life->books[0]));
    uint32_t side = base.net > 0 ? PERP_SIDE_SELL : PERP_SIDE_BUY;
    double quantity = quantity_for(life, i);
    if (base.net != 0 && l_chance(life, 60))
        quantity = fabs(base.net) * l_uniform(life, 0.1, 1);
    add_leg(life, job, i, l_chance(life, 75) ? side : !side, quantity);
}

static bool exit_of(struct life *life, perp_job *job) {
    perp_job_info info;
    if (!pick(life, l_chance(life, 80) ? PERP_JOB_OPEN : PERP_JOB_PARTIAL, &info))
        return false;
    double fraction = l_chance(life, 70) ? 1 : l_uniform(life, 0.1, 1);
    return perp_job_fill_exit(life->books[0], life->now, &info.job.job_id, fraction, job) ==
           PERP_OK;
}

static void flaws(struct life *life, perp_job *job) {
    uint32_t pick = l_below(life, 100);
    job->expected_edge_bps = l_uniform(life, 60, 200);
    if (pick < 8)
        job->expected_edge_bps = l_uniform(life, 0, 6);
    else if (pick < 12)
        job->expected_edge_bps = l_uniform(life, 5, 12);
    else if (pick < 15)
        for (uint32_t i = 0; i < job->n_legs; i++)
            job->legs[i].notional =
                (perp_usd)((double)job->legs[i].notional * l_uniform(life, 1.03, 1.07));
    if (l_chance(life, 20))
        job->holding_hours = l_uniform(life, 0, 48);
}

static void random_job(struct life *life, perp_job *job) {
    uint32_t pick = l_below(life, 100);
    perp_job_init(job);
    job->strategy = l_chance(life, 50) ? PERP_STRATEGY_WASH : PERP_STRATEGY_ARB;
    if (pick < 8 && exit_of(life, job))
        job->expected_edge_bps = 0;
    else if (pick < 18)
        rebalance(life, job);
    else
        hedge(life, job, pick < 85 ? 1 : 2 + l_below(life, 3));
    if (job->strategy != PERP_STRATEGY_HEDGE_REBALANCE && l_chance(life, 5))
        job->strategy = PERP_STRATEGY_HEDGE_REBALANCE;
    flaws(life, job);
    perp_usd sides[2] = {0, 0};
    for (uint32_t i = 0; i < job->n_legs; i++)
        sides[job->legs[i].side] += job->legs[i].notional;
    job->notional = sides[0] > sides[1] ? sides[0] : sides[1];
    job->priority = (int32_t)l_below(life, 5) - 2;
    job->ttl_ms = 0;
    if (l_chance(life, 12))
        job->ttl_ms = 10 + l_within(life, l_chance(life, 50) ? 60000 : 600000);
    job->job_id = l_new_id(life, 1, life->n_job);
}

/* A hedge as the library fills it in. */
static void filled_in(struct life *life, perp_job *job) {
    uint32_t base = l_below(life, 3), first = partner(life, base, PERP_NO_ID);
    perp_job_init(job);
    job->job_id = l_new_id(life, 1, life->n_job);
    job->strategy = PERP_STRATEGY_ARB;
    job->notional = (100 + l_within(life, 3000)) * PERP_USD;
    job->ttl_ms = 0;
    perp_status status =
        perp_job_fill_hedge(life->books[0], life->now, first, partner(life, base, first), job);
    job->expected_edge_bps = 100;
    if (status != PERP_OK)
        random_job(life, job);
}

static void submit(struct life *life) {
    perp_call call = l_call(life);
    perp_job job;
    life->doing = "submit";
    if (l_chance(life, 10))
        filled_in(life, &job);
    else
        random_job(life, &job);
    if (l_chance(life, 3))
        l_evaluate_random(life, &job);
    L_EACH(life, perp_scheduler_submit(perp_core_scheduler(core), &call, &job));
    if (life->status == PERP_OK)
        l_note_basis(life, &job);
    life->n_job++;
}

static void cancel(struct life *life, const perp_uuid *id) {
    perp_call call = l_call(life);
    life->doing = "cancel";
    L_EACH(life, perp_scheduler_cancel(perp_core_scheduler(core), &call, id));
}

/* ---- What executors answer ------------------------------------------------------------------- */

/* Chance that is the same for both books. */
static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void l_executes(void *user, const perp_execution *job, uint32_t *outcome) {
    const struct l_host *host = user;
    struct life *life = host->life;
    perp_core *core = life->books[host->book];
    perp_call call = l_call(life);
    uint64_t pick = mix(life->seed * 31 + job->dispatch) % 1000;
    *outcome = pick < 900   ? PERP_OUTCOME_ACCEPTED
               : pick < 930 ? PERP_OUTCOME_IN_DOUBT
               : pick < 960 ? PERP_OUTCOME_REFUSED
                            : PERP_OUTCOME_DECLINED;
    if (pick < 8)
        perp_scheduler_pause(perp_core_scheduler(core), &call);
    else if (pick < 16)
        perp_scheduler_kill(perp_core_scheduler(core), &call, 1, job->orders[0].exchange, NULL, 0,
                            NULL);
    else if (pick < 20)
        perp_scheduler_kill(perp_core_scheduler(core), &call, 1, PERP_ALL_EXCHANGES, NULL, 0, NULL);
}

/* Each leg filled to a share of its quantity, and never less than was told. */
static void fills(struct life *life, const perp_job_info *info, double low, double high,
                  perp_leg_result *legs) {
    for (uint32_t i = 0; i < info->job.n_legs; i++) {
        const perp_leg *leg = &info->job.legs[i];
        double share = l_uniform(life, low, high);
        legs[i] = info->legs[i];
        legs[i].known = 1;
        legs[i].has_pnl = 0;
        legs[i].pnl = 0;
        if (leg->quantity * share > legs[i].filled) {
            legs[i].filled = leg->quantity * share;
            legs[i].price = l_price(life, leg->instrument) * l_uniform(life, 0.9998, 1.0002);
            legs[i].fee = leg->notional / 5000;
        }
        legs[i].time_ns =
            l_chance(life, 30) ? life->now - l_within(life, 3 * L_SECOND) : PERP_TIME_NONE;
    }
}

static void finish(struct life *life, const perp_job_info *info) {
    perp_call call = l_call(life);
    perp_job_result result;
    uint32_t pick = l_below(life, info->is_repair ? 60 : 100);
    if (life->failing && l_chance(life, 80))
        pick = 70;
    perp_job_result_init(&result);
    life->doing = "finish";
    if (info->job.n_legs > 0 && pick < 55) {
        result.n_legs = info->job.n_legs;
        fills(life, info, 1, 1, result.legs);
    } else if (pick < 63) {
        result.n_legs = info->job.n_legs;
        fills(life, info, 0.3, 1, result.legs);
    } else if (pick < 75) {
        result.status = PERP_RESULT_FAILED;
        for (uint32_t i = 0; i < info->job.n_legs; i++)
            life->failed_at[life->instruments[info->job.legs[i].instrument].exchange] = life->now;
    } else if (pick < 80) {
        result.status = PERP_RESULT_NOTHING;
    } else if (pick < 84) {
        result.status = PERP_RESULT_UNKNOWN;
    } else {
        result.has_totals = 1;
        result.flat = l_chance(life, 70);
        result.pnl = l_within(life, 2 * PERP_USD) - PERP_USD;
        result.volume = info->job.notional;
        result.fees = info->job.notional / 2000;
    }
    L_EACH(life, perp_scheduler_finish(perp_core_scheduler(core), &call, &info->job.job_id, &result,
                                       NULL));
    if (life->status == PERP_OK)
        return;
    perp_job_result_init(&result); /* it has orders, or legs that were told */
    result.from_orders = l_chance(life, 70);
    result.status = result.from_orders ? PERP_RESULT_COMPLETED : PERP_RESULT_UNKNOWN;
    L_EACH(life, perp_scheduler_finish(perp_core_scheduler(core), &call, &info->job.job_id, &result,
                                       NULL));
}

static void progress(struct life *life, const perp_job_info *info) {
    perp_call call = l_call(life);
    perp_leg_result legs[PERP_MAX_LEGS];
    life->doing = "progress";
    double share = l_uniform(life, 0, 1); /* of all legs mostly, or bases would be naked always */
    if (l_chance(life, 75))
        fills(life, info, share, share, legs);
    else
        fills(life, info, 0, 1, legs);
    L_EACH(life, perp_scheduler_progress(perp_core_scheduler(core), &call, &info->job.job_id, legs,
                                         info->job.n_legs));
}

static void amend(struct life *life) {
    static const uint32_t states[] = {PERP_JOB_OPEN, PERP_JOB_FAILED, PERP_JOB_COMPLETED,
                                      PERP_JOB_PENDING};
    perp_call call = l_call(life);
    perp_leg_result legs[PERP_MAX_LEGS];
    perp_job_info info;
    life->doing = "amend";
    if (!pick(life, states[l_below(life, 4)], &info))
        return;
    fills(life, &info, 0.5, 1, legs);
    L_EACH(life, perp_scheduler_amend(perp_core_scheduler(core), &call, &info.job.job_id, legs,
                                      info.job.n_legs));
}

/* ---- Orders ---------------------------------------------------------------------------------- */

static perp_status place_on(perp_core *core, const perp_call *call,
                            const perp_order_request *request) {
    perp_order_answer answer;
    perp_order_answer_init(&answer);
    return perp_orders_place(perp_core_orders(core), call, request, &answer);
}

static void place(struct life *life, const perp_job_info *info) {
    perp_call call = l_call(life);
    perp_order_request request;
    life->doing = "place";
    perp_order_request_init(&request);
    request.job_id = info->job.job_id;
    request.leg = l_below(life, info->job.n_legs);
    const perp_leg *leg = &info->job.legs[request.leg];
    request.quantity = leg->quantity * (l_chance(life, 60) ? 1 : l_uniform(life, 0.1, 0.9));
    request.price = l_price(life, leg->instrument);
    if (l_chance(life, 50)) {
        request.type = PERP_ORDER_MARKET;
        request.price = 0;
    }
    L_EACH(life, place_on(core, &call, &request));
    l_counts.orders += life->status == PERP_OK;
}

static void tell(struct life *life, const perp_order_info *order) {
    perp_call call = l_call(life);
    perp_order_news news;
    char id[32];
    life->doing = "tell";
    perp_order_news_init(&news);
    news.order = order->order;
    uint32_t how = l_below(life, 100);
    if (how < 15) {
        news.kind = PERP_NEWS_ACCEPTED;
    } else if (how < 70) {
        double left = order->quantity - order->filled;
        news.kind = PERP_NEWS_FILL;
        snprintf(id, sizeof id, "f%llu", (unsigned long long)life->n_key++);
        news.fill_id = id;
        news.quantity = left > 0 && l_chance(life, 70) ? left : order->quantity / 4;
        news.price = l_price(life, order->instrument);
        news.fee = PERP_USD / 10;
        if (l_chance(life, 30))
            news.time_ns = life->now - l_within(life, 3 * L_SECOND);
        l_counts.fills++;
    } else if (how < 85) {
        news.kind = PERP_NEWS_CANCELLED;
    } else if (how < 90) {
        news.kind = PERP_NEWS_EXPIRED;
    } else if (how < 95) {
        news.kind = PERP_NEWS_REJECTED;
    } else {
        news.kind = PERP_NEWS_UNKNOWN;
    }
    L_EACH(life, perp_orders_tell(perp_core_orders(core), &call, &news, NULL));
}

/* News of an order that has not ended. */
static bool order_news(struct life *life) {
    perp_order_filter filter;
    uint64_t numbers[64];
    uint32_t n = 0;
    perp_order_info order = {.struct_size = sizeof order};
    const perp_orders *orders = perp_core_orders(life->books[0]);
    perp_order_filter_init(&filter);
    filter.state = PERP_ORDER_NOT_ENDED;
    if (perp_orders_list(orders, &filter, numbers, 64, &n) != PERP_OK)
        l_fail(life, "orders: %s", perp_core_error(life->books[0]));
    if (n == 0)
        return false;
    n = n < 64 ? n : 64;
    if (perp_orders_get(orders, numbers[l_below(life, n)], &order) != PERP_OK)
        l_fail(life, "order: %s", perp_core_error(life->books[0]));
    tell(life, &order);
    return true;
}

static void doubtful(struct life *life) {
    perp_call call = l_call(life);
    perp_job_info info;
    if (!pick(life, PERP_JOB_IN_DOUBT, &info))
        return;
    life->doing = "in doubt";
    life->status = PERP_E_STATE;
    if (l_chance(life, 40))
        L_EACH(life, perp_scheduler_requeue(perp_core_scheduler(core), &call, &info.job.job_id));
    else if (l_chance(life, 50))
        L_EACH(life, perp_orders_settled(perp_core_orders(core), &call, &info.job.job_id));
    if (life->status != PERP_OK)
        finish(life, &info);
}

/* Jobs run long, but for repairs, and for those that are too many. */
static void runs(struct life *life) {
    perp_uuid ids[L_JOBS];
    perp_job_info info;
    uint32_t how = l_below(life, 100), n = l_list(life, PERP_JOB_RUNNING, ids);
    bool many = n > life->config.scheduler.max_global_concurrent_jobs;
    if (how < 25 && order_news(life))
        return;
    for (int tries = 0; tries < 4; tries++)
        if (!pick(life, PERP_JOB_RUNNING, &info))
            return;
        else if (info.is_repair)
            break;
    if (many || info.is_repair || life->failing || how >= 80)
        finish(life, &info);
    else if (how < 40)
        progress(life, &info);
    else if (how < 60)
        place(life, &info);
    else if (how < 63)
        cancel(life, &info.job.job_id);
}

static void leave(struct life *life) {
    static const char *const bases[] = {"BTC", "ETH", "SOL", NULL};
    perp_call call = l_call(life);
    perp_uuid key = l_new_id(life, 2, 0);
    life->doing = "flatten";
    key.bytes[8] = (uint8_t)(life->n_key >> 16);
    key.bytes[9] = (uint8_t)(life->n_key >> 8);
    key.bytes[10] = (uint8_t)life->n_key++;
    uint32_t x = l_chance(life, 70) ? l_below(life, life->n_exchanges) : PERP_ALL_EXCHANGES;
    const char *base = bases[l_below(life, 4)];
    L_EACH(life, perp_scheduler_flatten(perp_core_scheduler(core), &call, x, base, &key, NULL));
}

static void close_open(struct life *life) {
    perp_call call = l_call(life);
    perp_job_info info;
    if (!pick(life, l_chance(life, 70) ? PERP_JOB_OPEN : PERP_JOB_PARTIAL, &info))
        return;
    life->doing = "close";
    L_EACH(life, perp_scheduler_close(perp_core_scheduler(core), &call, &info.job.job_id,
                                      PERP_USD / 2, info.job.notional, PERP_USD / 10));
}

/* Somebody takes back a job that would wait for ever, or the queue would hold nothing else. */
static void give_up(struct life *life) {
    static const uint32_t hopeless[] = {PERP_REASON_SELF_TRADE, PERP_REASON_UNRESOLVED_LEG,
                                        PERP_REASON_NOTIONAL_MISMATCH, PERP_REASON_NO_INVENTORY,
                                        PERP_REASON_LIQUIDATION_DISTANCE};
    perp_job_info info;
    if (!pick(life, PERP_JOB_PENDING, &info) || info.is_repair)
        return;
    for (size_t i = 0; i < sizeof hopeless / sizeof *hopeless; i++)
        if (info.last_refusal == hopeless[i]) {
            cancel(life, &info.job.job_id);
            return;
        }
}

void l_job_step(struct life *life) {
    if (l_chance(life, 40))
        give_up(life);
    perp_uuid ids[L_JOBS];
    uint32_t waiting = l_list(life, PERP_JOB_PENDING, ids), pick = l_below(life, 100);
    if (waiting > life->n_jobs_wanted + 10 && l_chance(life, 60)) {
        cancel(life, &ids[l_below(life, waiting)]);
        return;
    }
    for (uint32_t i = 0; i < 3 && waiting + i < life->n_jobs_wanted / 2; i++)
        submit(life);
    if (waiting < life->n_jobs_wanted && pick < 50)
        submit(life);
    else if (pick < 88)
        runs(life);
    else if (pick < 93)
        doubtful(life);
    else if (pick < 94 && waiting)
        cancel(life, &ids[l_below(life, waiting)]);
    else if (pick < 96)
        amend(life);
    else if (pick < 99)
        close_open(life);
    else if (l_chance(life, 40))
        leave(life);
}

/* ---- Money ----------------------------------------------------------------------------------- */

static void cash(struct life *life, uint32_t x) {
    perp_call call = l_call(life);
    perp_uuid key = l_new_id(life, 3, life->n_key++);
    uint32_t i = l_below(life, life->n_instruments), kind = l_below(life, PERP_CASH_COUNT);
    perp_usd amount = l_within(life, 20 * PERP_USD) - 10 * PERP_USD;
    if (life->instruments[i].exchange != x)
        i = PERP_NO_ID;
    L_EACH(life, perp_record_cash(core, &call, x, kind, amount, &key, i));
}

static void transfer(struct life *life, uint32_t x) {
    perp_call call = l_call(life);
    perp_usd amount = life->equity[x] / 1000 * ((int64_t)l_below(life, 41) - 20);
    L_EACH(life, perp_capital_transfer(perp_core_capital(core), &call, x, amount, 0));
    if (life->status == PERP_OK)
        life->equity[x] += amount;
}

static perp_status reserve_on(perp_core *core, const perp_call *call, uint32_t x, uint32_t pool,
                              perp_usd amount) {
    uint64_t id;
    perp_refusal refusal = {.struct_size = sizeof refusal};
    return perp_capital_reserve(perp_core_capital(core), call, x, pool, amount, NULL, &id,
                                &refusal);
}

static void reservation(struct life *life, uint32_t x) {
    perp_call call = l_call(life);
    perp_reservation rows[32];
    uint32_t n = 0, pool = l_below(life, PERP_POOL_COUNT);
    perp_usd amount = life->equity[x] / 100;
    if (perp_capital_reservations(perp_core_capital(life->books[0]), x, rows, 32, &n) != PERP_OK)
        l_fail(life, "reservations: %s", perp_core_error(life->books[0]));
    n = n < 32 ? n : 32;
    for (uint32_t i = 0; i < n; i++)
        if (!rows[i].has_job && l_chance(life, 60)) {
            if (l_chance(life, 30))
                L_EACH(life, perp_capital_confirm(perp_core_capital(core), &call, rows[i].id, 0));
            else
                L_EACH(life, perp_capital_release(perp_core_capital(core), &call, rows[i].id, 0));
            return;
        }
    L_EACH(life, reserve_on(core, &call, x, pool, amount));
}

/* A trade by hand, of which the next report knows. */
static void by_hand(struct life *life) {
    perp_call call = l_call(life);
    perp_recorded_fill fill;
    perp_recorded_fill_init(&fill);
    fill.instrument = l_below(life, life->n_instruments);
    fill.side = l_below(life, 2);
    fill.quantity = 20 / l_price(life, fill.instrument);
    fill.price = l_price(life, fill.instrument);
    fill.key = l_new_id(life, 3, life->n_key++);
    L_EACH(life, perp_record_fill(core, &call, &fill));
}

void l_money_step(struct life *life) {
    uint32_t x = l_below(life, life->n_exchanges), pick = l_below(life, 100);
    perp_call call = l_call(life);
    life->doing = "money";
    if (l_chance(life, 10)) /* a late one: it counts as the clock's time */
        call.now_ns -= l_within(life, 2 * L_SECOND);
    if (pick < 30)
        l_report(life, x);
    else if (pick < 45)
        cash(life, x);
    else if (pick < 55)
        transfer(life, x);
    else if (pick < 70)
        reservation(life, x);
    else if (pick < 80)
        by_hand(life);
    else if (pick < 95)
        L_EACH(life,
               perp_capital_update_equity(perp_core_capital(core), &call, x, life->equity[x]));
    else
        L_EACH(life, perp_capital_record_pnl(perp_core_capital(core), &call, x, PERP_USD, PERP_USD,
                                             PERP_USD / 10, NULL));
}
