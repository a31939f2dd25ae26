#include "strategies.h"

#include <math.h>
#include <string.h>

#include "replay_desk.h"

#define LEARN_SHARE 0.05 /* of what the last job missed */
#define MOST_LESSON_BPS 20
#define HOUR_NS (3600 * DESK_SECOND)

void strategy_settings_init(strategy_settings *settings) {
    *settings = (strategy_settings){.fresh_ns = 2500000000,
                                    .usual_ns = 1800 * DESK_SECOND,
                                    .warm_up_ns = 300 * DESK_SECOND,
                                    .wind_down_ns = 1800 * DESK_SECOND,
                                    .arb_notional = 4500 * PERP_USD,
                                    .arb_gain_bps = 1,
                                    .arb_exit_bps = 2,
                                    .arb_ttl_ms = 3000,
                                    .arb_pause_ns = 15 * DESK_SECOND,
                                    .arb_hold_ns = 1800 * DESK_SECOND,
                                    .volume_notional = 9000 * PERP_USD,
                                    .volume_every_ns = 75 * DESK_SECOND,
                                    .volume_cost_bps = 2.5,
                                    .volume_ttl_ms = 20000,
                                    .volume_hold_ns = 480 * DESK_SECOND};
}

void strategies_init(struct strategies *strategies, const strategy_settings *settings,
                     uint64_t seed) {
    memset(strategies, 0, sizeof *strategies);
    strategies->settings = *settings;
    sim_random_seed(&strategies->random, seed, 3);
}

static void learn_bases(struct desk *desk) {
    struct strategies *strategies = &desk->strategies;
    for (uint32_t b = 0; b < desk->n_instruments; b++) {
        if (desk->instruments[b].base != b || strategies->n_bases == STRATEGY_BASES)
            continue;
        strategy_base *base = &strategies->bases[strategies->n_bases++];
        for (uint32_t i = b; i < desk->n_instruments && base->n < STRATEGY_MEMBERS; i++)
            if (desk->instruments[i].base == b)
                base->members[base->n++] = i;
    }
}

static int is_fresh(const struct desk *desk, const desk_instrument *instrument, int64_t now_ns) {
    return instrument->time_ns != PERP_TIME_NONE &&
           now_ns - instrument->time_ns <= desk->strategies.settings.fresh_ns;
}

static double median(double *values, uint32_t n) {
    for (uint32_t i = 1; i < n; i++) {
        double value = values[i];
        uint32_t k = i;
        for (; k > 0 && values[k - 1] > value; k--)
            values[k] = values[k - 1];
        values[k] = value;
    }
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* How far each mid is from the median of its base, and how far it usually is. What is usual moves
   slowly, and an outlier moves it no more than 5 bps would: a difference between two exchanges that
   has always been there is no opportunity. */
static void measure(struct desk *desk, const strategy_base *base, int64_t now_ns) {
    double mids[STRATEGY_MEMBERS];
    uint32_t n = 0;
    for (uint32_t m = 0; m < base->n; m++)
        if (is_fresh(desk, &desk->instruments[base->members[m]], now_ns))
            mids[n++] = desk->instruments[base->members[m]].mid;
    if (n < 2)
        return;
    double middle = median(mids, n);
    double usual_s = (double)desk->strategies.settings.usual_ns * 1e-9;
    for (uint32_t m = 0; m < base->n; m++) {
        desk_instrument *instrument = &desk->instruments[base->members[m]];
        if (!is_fresh(desk, instrument, now_ns))
            continue;
        instrument->deviation_bps = (instrument->mid / middle - 1) * 1e4;
        if (instrument->measured_since_ns == PERP_TIME_NONE) {
            instrument->measured_since_ns = instrument->measured_ns = now_ns;
            instrument->usual_bps = instrument->deviation_bps;
        }
        double dt = (double)(now_ns - instrument->measured_ns) * 1e-9;
        instrument->measured_ns = now_ns;
        double seen_s = (double)(now_ns - instrument->measured_since_ns) * 1e-9 + 1;
        double share = fmin(1, 0.6931 * dt / fmin(seen_s, usual_s));
        double change = instrument->deviation_bps - instrument->usual_bps;
        instrument->usual_bps += share * fmin(fmax(change, -5), 5);
    }
}

/* What a hedge that buys one and sells the other earns when both are back where they usually are,
   bps, before fees and slippage. */
static double edge_of(const desk_instrument *bought, const desk_instrument *sold) {
    return (sold->deviation_bps - sold->usual_bps) - (bought->deviation_bps - bought->usual_bps);
}

static double funding_of(const desk_instrument *instrument, double sign, int64_t now_ns,
                         int64_t hold_ns) {
    double settlements;
    if (instrument->funding.interval_h <= 0 ||
        perp_funding_settlements(&instrument->funding, now_ns, now_ns + hold_ns, &settlements) !=
            PERP_OK)
        return 0;
    return sign * instrument->funding.rate * settlements * 1e4;
}

/* What taking a quantity costs against the mid, bps; infinite where the book does not hold it. */
static double slip_of(const desk_instrument *instrument, uint32_t side, double quantity) {
    perp_walk walk = {.struct_size = sizeof walk};
    const perp_book_level *levels = side == PERP_SIDE_BUY ? instrument->asks : instrument->bids;
    uint32_t n = side == PERP_SIDE_BUY ? instrument->n_asks : instrument->n_bids;
    if (perp_walk_book(side, levels, n, quantity, &walk) != PERP_OK || walk.filled < quantity)
        return HUGE_VAL;
    return fabs(walk.price / instrument->mid - 1) * 1e4;
}

/* A pair that a job could be made of. */
typedef struct candidate {
    perp_instrument_id bought, sold;
    double quantity, edge_bps, gain_bps;
} candidate;

static int may_open(const struct desk *desk, const desk_instrument *instrument, int64_t now_ns) {
    const strategy_settings *settings = &desk->strategies.settings;
    return is_fresh(desk, instrument, now_ns) && now_ns >= instrument->pause_until_ns &&
           now_ns < instrument->ends_ns - settings->wind_down_ns &&
           now_ns < desk->feed.end_ns - settings->wind_down_ns &&
           instrument->measured_since_ns != PERP_TIME_NONE &&
           now_ns - instrument->measured_since_ns >= settings->warm_up_ns;
}

/* This host hedges between venues only. Of one venue the library itself refuses what is one book;
   what it would allow there (spot against perpetual), the host's own rule does not. With same_venue
   the pairs of one book are submitted all the same. */
static int may_hedge(struct desk *desk, const desk_instrument *bought,
                     const desk_instrument *sold) {
    /* An order against what is held would close another job's lots, not open its own. */
    if (bought->position < 0 || sold->position > 0)
        return 0;
    if (sold->kind == PERP_KIND_SPOT) /* nothing is there to sell */
        return 0;
    if (desk->exchanges[bought->exchange].venue != desk->exchanges[sold->exchange].venue)
        return 1;
    if (!desk->strategies.settings.same_venue)
        return 0;
    if (bought->kind == sold->kind)
        return 1;
    desk->strategies.own_refusals++;
    return 0;
}

static double size_of(const desk_instrument *bought, const desk_instrument *sold, perp_usd notional,
                      int maker) {
    double step = fmax(bought->step, sold->step);
    double mid = (bought->mid + sold->mid) / 2;
    double quantity = (double)notional / (double)PERP_USD / mid;
    if (!maker) {
        double shown = 0, shown_bid = 0;
        for (uint32_t l = 0; l < bought->n_asks; l++)
            shown += bought->asks[l].size;
        for (uint32_t l = 0; l < sold->n_bids; l++)
            shown_bid += sold->bids[l].size;
        quantity = fmin(quantity, 0.7 * fmin(shown, shown_bid));
    }
    quantity = floor(quantity / step + 1e-9) * step;
    return quantity >= fmax(bought->min_qty, sold->min_qty) &&
                   quantity * mid >= 10 * fmax(bought->min_notional, sold->min_notional)
               ? quantity
               : 0;
}

/* What a round trip leaves: the edge less the fees, the slippage (twice: in and out), the funding
   that is due while it is held, and what earlier jobs have taught. */
static double gain_of(const struct desk *desk, const desk_instrument *bought,
                      const desk_instrument *sold, double quantity, double edge, int maker,
                      int64_t now_ns, uint32_t purpose) {
    const strategy_settings *settings = &desk->strategies.settings;
    const desk_exchange *b = &desk->exchanges[bought->exchange];
    const desk_exchange *s = &desk->exchanges[sold->exchange];
    int64_t hold_ns = purpose == DESK_ARB ? settings->arb_hold_ns / 4 : settings->volume_hold_ns;
    double cost = maker ? b->maker_bps + s->maker_bps : b->taker_bps + s->taker_bps;
    if (!maker)
        cost += slip_of(bought, PERP_SIDE_BUY, quantity) + slip_of(sold, PERP_SIDE_SELL, quantity);
    return edge - 2 * cost - funding_of(bought, 1, now_ns, hold_ns) -
           funding_of(sold, -1, now_ns, hold_ns) - desk->strategies.lesson_bps[purpose];
}

void strategies_learn(struct desk *desk, const desk_job *job) {
    double *lesson = &desk->strategies.lesson_bps[job->purpose];
    double missed = (double)(job->expected - job->cash) / (double)job->notional * 1e4;
    /* Where another order closed one of its sides, time lies between the two: that teaches little.
     */
    missed = fmin(fmax(missed, -MOST_LESSON_BPS), MOST_LESSON_BPS);
    *lesson += LEARN_SHARE * (missed - *lesson);
}

static uint32_t submit_pair(struct desk *desk, int64_t now_ns, const candidate *pair,
                            uint32_t purpose, int maker) {
    const strategy_settings *settings = &desk->strategies.settings;
    int arb = purpose == DESK_ARB;
    desk_instrument *bought = &desk->instruments[pair->bought];
    desk_instrument *sold = &desk->instruments[pair->sold];
    perp_job job;
    perp_job_init(&job);
    job.strategy = arb ? PERP_STRATEGY_ARB : PERP_STRATEGY_WASH;
    job.notional = desk_usd(pair->quantity * (bought->mid + sold->mid) / 2);
    job.expected_edge_bps = pair->edge_bps;
    job.holding_hours =
        (double)(arb ? settings->arb_hold_ns / 4 : settings->volume_hold_ns) / (double)HOUR_NS;
    job.ttl_ms = arb ? settings->arb_ttl_ms : settings->volume_ttl_ms;
    job.max_run_ms = 60000;
    job.priority = arb ? 10 : 0;
    job.n_legs = 2;
    job.legs[0] = (perp_leg){.instrument = pair->bought,
                             .side = PERP_SIDE_BUY,
                             .quantity = pair->quantity,
                             .maker = (uint32_t)maker};
    job.legs[1] = (perp_leg){.instrument = pair->sold,
                             .side = PERP_SIDE_SELL,
                             .quantity = pair->quantity,
                             .maker = (uint32_t)maker};
    uint32_t index = desk_submit(desk, now_ns, &job, purpose, DESK_NONE);
    if (index != DESK_NONE)
        desk->jobs[index].expected =
            (perp_usd)((double)job.notional *
                       (pair->gain_bps + desk->strategies.lesson_bps[purpose]) * 1e-4);
    return index;
}

static void look_for_arbitrage(struct desk *desk, const strategy_base *base, int64_t now_ns) {
    const strategy_settings *settings = &desk->strategies.settings;
    int maker = (int)settings->arb_maker;
    candidate best = {.gain_bps = settings->arb_gain_bps};
    for (uint32_t b = 0; b < base->n; b++) {
        const desk_instrument *bought = &desk->instruments[base->members[b]];
        if (!may_open(desk, bought, now_ns))
            continue;
        for (uint32_t s = 0; s < base->n; s++) {
            const desk_instrument *sold = &desk->instruments[base->members[s]];
            double edge = edge_of(bought, sold);
            /* Most differences are small: the rest is looked at for the few only. */
            if (s == b || edge <= best.gain_bps || !may_open(desk, sold, now_ns))
                continue;
            double quantity = size_of(bought, sold, settings->arb_notional, maker);
            if (quantity <= 0)
                continue;
            double gain = gain_of(desk, bought, sold, quantity, edge, maker, now_ns, DESK_ARB);
            if (gain <= best.gain_bps || !may_hedge(desk, bought, sold))
                continue;
            best = (candidate){base->members[b], base->members[s], quantity, edge, gain};
        }
    }
    if (best.quantity <= 0)
        return;
    submit_pair(desk, now_ns, &best, DESK_ARB, maker);
    desk->instruments[best.bought].pause_until_ns = now_ns + settings->arb_pause_ns;
    desk->instruments[best.sold].pause_until_ns = now_ns + settings->arb_pause_ns;
}

/* One side of the hedge is drawn, so that the turnover spreads over exchanges; the other side is
   the one that costs least. */
static void look_for_volume(struct desk *desk, const strategy_base *base, int64_t now_ns) {
    struct strategies *strategies = &desk->strategies;
    const strategy_settings *settings = &strategies->settings;
    perp_instrument_id first = base->members[sim_random_below(&strategies->random, base->n)];
    double share = sim_random_between(&strategies->random, 0.5, 1);
    perp_usd notional = (perp_usd)(share * (double)settings->volume_notional);
    candidate best = {.gain_bps = -settings->volume_cost_bps};
    for (uint32_t m = 0; m < base->n; m++) {
        for (uint32_t way = 0; way < 2; way++) {
            perp_instrument_id ids[2] = {way == 0 ? first : base->members[m],
                                         way == 0 ? base->members[m] : first};
            const desk_instrument *bought = &desk->instruments[ids[0]];
            const desk_instrument *sold = &desk->instruments[ids[1]];
            if (base->members[m] == first || !may_open(desk, bought, now_ns) ||
                !may_open(desk, sold, now_ns) || !may_hedge(desk, bought, sold))
                continue;
            double quantity = size_of(bought, sold, notional, 1);
            double edge = edge_of(bought, sold);
            double gain = gain_of(desk, bought, sold, quantity, edge, 1, now_ns, DESK_VOLUME);
            if (quantity > 0 && gain > best.gain_bps)
                best = (candidate){ids[0], ids[1], quantity, edge, gain};
        }
    }
    if (best.quantity > 0)
        submit_pair(desk, now_ns, &best, DESK_VOLUME, 1);
}

/* Has the reason for which a job was opened gone, or is its time over? */
static int is_over(const struct desk *desk, const desk_job *job, int64_t now_ns) {
    const strategy_settings *settings = &desk->strategies.settings;
    const desk_instrument *bought = &desk->instruments[job->legs[0]];
    const desk_instrument *sold = &desk->instruments[job->legs[1]];
    int64_t ends = desk->feed.end_ns;
    ends = bought->ends_ns < ends ? bought->ends_ns : ends;
    ends = sold->ends_ns < ends ? sold->ends_ns : ends;
    if (now_ns >= ends - settings->wind_down_ns)
        return 1;
    if (job->purpose == DESK_VOLUME)
        return now_ns - job->since_ns >= settings->volume_hold_ns;
    return now_ns - job->since_ns >= settings->arb_hold_ns ||
           edge_of(bought, sold) <= settings->arb_exit_bps;
}

/* Closes what is over, and takes back jobs that wait although their difference has gone. */
static void look_after_jobs(struct desk *desk, int64_t now_ns) {
    for (uint32_t i = 0; i < desk->n_live && !desk->failed; i++) {
        uint32_t index = desk->live[i];
        const desk_job *job = &desk->jobs[index];
        if (job->purpose >= DESK_EXIT)
            continue;
        const desk_instrument *bought = &desk->instruments[job->legs[0]];
        const desk_instrument *sold = &desk->instruments[job->legs[1]];
        if (!is_fresh(desk, bought, now_ns) || !is_fresh(desk, sold, now_ns))
            continue;
        if (job->stage == DESK_HELD && is_over(desk, job, now_ns))
            desk_unwind(desk, now_ns, index);
        else if (job->stage == DESK_PENDING && job->purpose == DESK_ARB &&
                 edge_of(bought, sold) < desk->strategies.settings.arb_gain_bps)
            desk_cancel(desk, now_ns, index);
    }
}

void strategies_step(struct desk *desk, int64_t now_ns) {
    struct strategies *strategies = &desk->strategies;
    if (strategies->n_bases == 0)
        learn_bases(desk);
    desk_look_after(desk, now_ns);
    for (uint32_t b = 0; b < strategies->n_bases; b++)
        measure(desk, &strategies->bases[b], now_ns);
    look_after_jobs(desk, now_ns);
    for (uint32_t b = 0; b < strategies->n_bases && !desk->failed; b++)
        look_for_arbitrage(desk, &strategies->bases[b], now_ns);
    double chance = (double)desk->settings.step_ns / (double)strategies->settings.volume_every_ns;
    if (strategies->n_bases > 0 && sim_random_chance(&strategies->random, chance))
        look_for_volume(
            desk, &strategies->bases[sim_random_below(&strategies->random, strategies->n_bases)],
            now_ns);
}
