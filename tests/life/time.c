/* How time goes by: mostly hardly at all, now and then to the very nanosecond at which something
   that a decision reads changes by itself. */
#include "life.h"

#include <math.h>

static int64_t edge_of_job(struct life *life) {
    perp_uuid ids[L_JOBS];
    uint32_t n = l_list(life, PERP_JOB_PENDING, ids);
    perp_job_info info = {.struct_size = sizeof info};
    if (n == 0 || perp_scheduler_job(perp_core_scheduler(life->books[0]), &ids[l_below(life, n)],
                                     &info) != PERP_OK)
        return PERP_TIME_NONE;
    if (l_chance(life, 50) && info.job.holding_hours > 0) {
        const struct l_instrument *i = &life->instruments[info.job.legs[0].instrument];
        return i->next - (int64_t)llround(info.job.holding_hours * (double)L_HOUR);
    }
    return info.job.created_at_ns + info.job.ttl_ms * L_MS;
}

/* Of a running job: unhedged for too long, overdue; of its dispatch the end of the minute. */
static int64_t edge_of_running(struct life *life) {
    perp_uuid ids[L_JOBS];
    uint32_t n = l_list(life, PERP_JOB_RUNNING, ids), pick = l_below(life, 4);
    perp_job_info info = {.struct_size = sizeof info};
    if (n == 0 || perp_scheduler_job(perp_core_scheduler(life->books[0]), &ids[l_below(life, n)],
                                     &info) != PERP_OK)
        return PERP_TIME_NONE;
    if (pick == 0)
        return info.started_ns + L_MINUTE;
    if (pick == 1)
        return info.started_ns + info.job.max_run_ms * L_MS;
    return info.unhedged_since_ns == PERP_TIME_NONE
               ? PERP_TIME_NONE
               : info.unhedged_since_ns + life->config.orders.max_unhedged_ms * L_MS;
}

/* A time at which something of an instrument changes, or of its exchange, or of all. */
static int64_t edge(struct life *life, uint32_t instrument) {
    const struct l_instrument *i = &life->instruments[instrument];
    const perp_risk_config *risk = &life->config.risk;
    uint32_t x = i->exchange;
    int64_t interval = (int64_t)(i->interval_h * (double)L_HOUR);
    int64_t blackout = (int64_t)(risk->blackout_minutes * (double)L_MINUTE);
    blackout = blackout < interval / 12 ? blackout : interval / 12;
    perp_base_state base = {.struct_size = sizeof base};
    switch (l_below(life, 15)) {
    case 0:
        return i->quoted + risk->max_quote_age_ms * L_MS;
    case 1:
        return (life->now / L_SECOND + 1 + l_within(life, 3)) * L_SECOND;
    case 2:
        return i->next - blackout;
    case 3:
        return i->next + blackout;
    case 4:
        return i->next + (l_chance(life, 50) ? interval : 0);
    case 5:
        return life->failed_at[x] == PERP_TIME_NONE
                   ? PERP_TIME_NONE
                   : life->failed_at[x] + risk->circuit_cooldown_ms * L_MS;
    case 6:
        return life->sampled[x] + risk->latency_max_age_ms * L_MS;
    case 7:
        return edge_of_job(life);
    case 8:
        return life->override_until;
    case 12:
    case 13:
        return edge_of_running(life);
    case 9:
        return life->reported[x] == PERP_TIME_NONE
                   ? PERP_TIME_NONE
                   : life->reported[x] + risk->account_max_age_ms * L_MS;
    case 10:
        return i->marked == PERP_TIME_NONE ? PERP_TIME_NONE
                                           : i->marked + risk->max_quote_age_ms * L_MS;
    case 11:
        if (perp_positions_base(perp_core_positions(life->books[0]), i->base, life->now, &base) !=
            PERP_OK)
            l_fail(life, "base %u", i->base);
        return base.next_try_ns;
    default:
        return (life->now / L_DAY + 1) * L_DAY + life->config.capital.day_offset_minutes * L_MINUTE;
    }
}

/* The clock is set ahead; feeds go on from there. */
static void leap(struct life *life, int64_t to) {
    life->now = to;
    perp_call call = l_call(life);
    L_EACH(life, perp_core_advance(core, &call));
    if (life->status != PERP_OK)
        l_fail(life, "advance: %s", perp_core_error(life->books[0]));
    if (l_chance(life, 95))
        l_keep_fresh(life, false);
}

/* Just before the edge all is fresh but what is to change; then come the nanoseconds around it. */
static void to_edge(struct life *life) {
    uint32_t instrument = l_below(life, life->n_instruments);
    int64_t to = edge(life, instrument);
    if (to == PERP_TIME_NONE || to <= life->now + 2 || to > life->now + 30 * L_DAY)
        return;
    life->left_alone = instrument;
    if (to - life->now > 40 * L_SECOND) {
        leap(life, to - 2 - l_within(life, L_SECOND));
    } else if (to - life->now > L_SECOND) {
        life->now = to - 2 - l_within(life, L_SECOND);
        l_keep_fresh(life, false);
    }
    l_tick(life);
    for (int64_t n = -1; n <= 1; n++)
        if (l_chance(life, 60)) {
            life->now = to + n;
            l_tick(life);
        }
    life->left_alone = PERP_NO_ID;
}

void l_move_time(struct life *life) {
    static const int64_t usual[L_PACES] = {20 * L_MS, 50 * L_MS, 300 * L_MS, 900 * L_MS};
    uint32_t pick = l_below(life, 1000);
    life->doing = "time";
    if (pick < 250)
        life->now += l_within(life, 3);
    else if (pick < 900)
        life->now += l_within(life, usual[life->pace]);
    else if (pick < 985)
        to_edge(life);
    else if (pick < 990)
        life->now += l_within(life, 20 * L_SECOND);
    else if (pick < 992)
        leap(life, life->now + l_within(life, 20 * L_MINUTE));
    else if (pick < 993)
        leap(life, life->now + l_within(life, 2 * L_DAY));
    else if (pick < 994) /* back: what was new is from the future */
        leap(life, life->now - l_within(life, 8 * L_SECOND));
}
