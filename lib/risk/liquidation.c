/* How far each leg's position will be from its liquidation. */
#include "risk/risk.h"

#include <math.h>
#include <string.h>

#include "util/num.h"
#include "util/sized.h"

#define BPS 1e4
/* How often margin tiers are looked up again at the price that was found with them. */
#define MOST_LOOKUPS 4
/* Positions of one base on one exchange whose tiers follow the price; those of more are taken at
   the marks. */
#define MOST_ROWS 32

/* A liquidation as it is found: no price is NaN. */
struct found {
    double price;
    double distance;
};

static const struct found never = {(double)NAN, 1};

static uint32_t tier_at(const perp_instrument_spec *spec, double value) {
    uint32_t found = 0;
    for (uint32_t i = 1; i < spec->n_tiers && spec->tiers[i].floor <= value; i++)
        found = i;
    return found;
}

perp_tier perp_tier_of(const perp_instrument_spec *spec, double value) {
    perp_tier none = {.mmr = 0.005};
    return spec->n_tiers ? spec->tiers[tier_at(spec, value)] : none;
}

/* Maintenance rate, the liquidation fee included, and amount. */
struct maintenance {
    double rate;
    double amount;
};

static struct maintenance maintenance_of(const perp_core *core, const perp_instrument_spec *spec,
                                         uint32_t tier) {
    double fee = core->exchanges[spec->exchange].spec.liquidation_fee_bps / BPS;
    if (!spec->n_tiers)
        return (struct maintenance){0.005 + fee, 0};
    return (struct maintenance){spec->tiers[tier].mmr + fee, spec->tiers[tier].amount};
}

double perp_distance_to(double mark, double price, bool is_long) {
    if (!(price > 0))
        return 1;
    if (is_long ? mark <= price : mark >= price)
        return 0;
    return perp_min(1, fabs(mark - price) / mark);
}

/* The nearer of two that were found. */
static struct found nearer(struct found a, struct found b) {
    return b.distance < a.distance ? b : a;
}

/* The mark, else the mid, else the entry. */
static double mark_of(const struct perp_market_view *view, double entry) {
    return view->mark > 0 ? view->mark : entry;
}

/* A position by itself. */
struct single {
    const struct perp_instrument_entry *entry_of;
    double size, entry, leverage, mark;
    bool is_long;
};

/* A denominator that is not above 0: what is needed to keep it is more than it is worth. */
static struct found solve_isolated(const perp_core *core, const struct single *p, uint32_t tier) {
    struct maintenance m = maintenance_of(core, &p->entry_of->spec, tier);
    double s = p->is_long ? 1 : -1;
    double share = 1 / p->leverage, above, below;
    if (p->entry_of->inverse) {
        above = p->entry * (1 + s * m.rate);
        below = 1 + s * share;
    } else {
        above = p->entry * (1 - s * share) - s * m.amount / p->size;
        below = 1 - s * m.rate;
    }
    if (!(below > 0) && p->entry_of->inverse)
        return never;
    if (!(below > 0))
        return (struct found){p->mark, 0};
    double price = above / below;
    if (!isfinite(price))
        return (struct found){(double)NAN, 0}; /* nothing says that it is safe */
    return (struct found){price, perp_distance_to(p->mark, price, p->is_long)};
}

static struct found isolated(const perp_core *core, const struct single *p) {
    const perp_instrument_spec *spec = &p->entry_of->spec;
    uint32_t tier = tier_at(spec, p->size * p->mark);
    struct found last = solve_isolated(core, p, tier), nearest = last;
    for (uint32_t i = 0; i < MOST_LOOKUPS; i++) {
        uint32_t there = last.price > 0 ? tier_at(spec, p->size * last.price) : tier;
        if (there == tier)
            return last;
        tier = there;
        last = solve_isolated(core, p, tier);
        nearest = nearer(nearest, last);
    }
    return nearest;
}

/* An account in cross margin: the positions of one base, which move together, and the rest. */
struct account {
    const perp_core *core;
    double mark;       /* of the leg */
    double free;       /* C − T: what is there for the base */
    double collateral; /* in the base itself, at the mark */
    uint32_t n_rows;
    struct row {
        const perp_instrument_spec *spec;
        double quantity, mark;
        uint32_t tier;
    } rows[MOST_ROWS];
};

/* Looks tiers up at r × the marks; whether one changed. */
static bool look_up(struct account *account, double r) {
    bool changed = false;
    for (uint32_t i = 0; i < account->n_rows; i++) {
        struct row *row = &account->rows[i];
        uint32_t tier = tier_at(row->spec, fabs(row->quantity) * row->mark * r);
        changed = changed || tier != row->tier;
        row->tier = tier;
    }
    return changed;
}

/* surplus(r) = C + (r − 1) × S − (r × W − A + T) is 0. */
static struct found solve_cross(const struct account *account, double *r) {
    double s = account->collateral, w = 0, a = 0;
    for (uint32_t i = 0; i < account->n_rows; i++) {
        const struct row *row = &account->rows[i];
        struct maintenance m = maintenance_of(account->core, row->spec, row->tier);
        s += row->quantity * row->mark;
        w += fabs(row->quantity) * row->mark * m.rate;
        a += m.amount;
    }
    double surplus = account->free - (w - a), slope = s - w;
    *r = 1;
    if (!(surplus > 0))
        return (struct found){account->mark, 0};
    *r = 1 - surplus / slope;
    if (slope == 0 || !(*r > 0))
        return never;
    return (struct found){*r * account->mark, perp_min(1, fabs(1 - *r))};
}

static struct found cross(struct account *account) {
    double r;
    (void)look_up(account, 1);
    struct found last = solve_cross(account, &r), nearest = last;
    for (uint32_t i = 0; i < MOST_LOOKUPS; i++) {
        if (!(last.price > 0) || !look_up(account, r))
            return last;
        last = solve_cross(account, &r);
        nearest = nearer(nearest, last);
    }
    return nearest;
}

/* Margin that an isolated position has for itself, with what it won or lost so far. */
static double own_margin(const perp_core *core, const struct perp_open *open,
                         const struct perp_holding *holding, double mark) {
    double leverage = open->leverage >= 1 ? open->leverage : core->config.risk.default_leverage;
    double entry = holding->entry > 0 ? holding->entry : mark;
    return fabs(holding->quantity) * entry / leverage + holding->quantity * (mark - entry);
}

/* What a position of another base, or one too many, ties down. */
static double tied(const perp_core *core, const perp_instrument_spec *spec, double quantity,
                   double mark) {
    double value = fabs(quantity) * mark;
    struct maintenance m = maintenance_of(core, spec, tier_at(spec, value));
    return value * m.rate - m.amount;
}

/* What an instrument shows of its position to those of the account: as it is kept, or made. */
struct shown {
    struct perp_market_view view;
    struct perp_open open;
    struct perp_holding running;
};

static void show(const struct perp_eval *e, perp_instrument_id id, struct shown *shown) {
    if (!e->made) {
        const struct perp_fact *fact = perp_fact_of((perp_core *)(uintptr_t)e->core, id, e->now);
        shown->view.mark = fact->market.view.mark;
        shown->open = fact->open;
        shown->running = fact->running;
        return;
    }
    perp_market_read(e->core->market, id, e->now, &shown->view);
    perp_position_of(e->core, id, &shown->view, &shown->open);
    shown->running = shown->open.holding;
    perp_add_running(e->core, e->plan, e->job, id, &shown->running);
}

/* What a position of another base ties down: at the mark of when the equity was reported. */
static double tied_then(const perp_core *core, const perp_instrument_spec *spec, double quantity,
                        double then, double mark) {
    return tied(core, spec, quantity, then > 0 ? then : mark);
}

double perp_fact_ties(const perp_core *core, perp_instrument_id instrument,
                      const struct perp_fact *fact) {
    const struct perp_holding *holding = &fact->running;
    double mark = mark_of(&fact->market.view, holding->entry);
    if (holding->quantity == 0)
        return 0;
    return fact->open.margin_mode != PERP_MARGIN_CROSS
               ? own_margin(core, &fact->open, holding, mark)
               : tied_then(core, &perp_instrument_at(core, instrument)->spec, holding->quantity,
                           fact->equity_mark, mark);
}

static void add_position(struct account *account, const struct perp_eval *e, uint32_t n,
                         perp_instrument_id id) {
    const perp_core *core = e->core;
    const struct perp_instrument_entry *entry = perp_instrument_at(core, id);
    struct shown shown;
    show(e, id, &shown);
    struct perp_holding holding = shown.running;
    double mark = mark_of(&shown.view, holding.entry);
    if (shown.open.margin_mode != PERP_MARGIN_CROSS) {
        if (holding.quantity != 0)
            account->free -= own_margin(core, &shown.open, &holding, mark);
        return;
    }
    perp_add_legs(e, n + 1, id, &holding);
    if (holding.quantity == 0)
        return;
    mark = mark_of(&shown.view, holding.entry);
    if (entry->base != e->job->legs[n].base)
        account->free -=
            tied_then(core, &entry->spec, holding.quantity, e->risk->notes[id].equity_mark, mark);
    else if (account->n_rows < MOST_ROWS)
        account->rows[account->n_rows++] = (struct row){&entry->spec, holding.quantity, mark, 0};
    else
        account->free -= tied(core, &entry->spec, holding.quantity, mark);
}

static void account_of(const struct perp_eval *e, uint32_t n, double mark,
                       struct account *account) {
    const perp_core *core = e->core;
    const struct perp_job_leg *leg = &e->job->legs[n];
    account->core = core;
    account->mark = mark;
    account->free = perp_usd_to_double(core->capital->accounts[leg->exchange].equity);
    account->collateral = 0;
    account->n_rows = 0;
    for (uint32_t i = 0; i < e->risk->n_collateral; i++) {
        const struct perp_collateral_row *held = &e->risk->collateral[i].row;
        if (held->exchange == leg->exchange &&
            strcmp(held->base, core->bases.items[leg->base]) == 0)
            account->collateral += held->quantity * (1 - held->haircut) * mark;
    }
    struct perp_touched touched;
    perp_touched_begin(&touched, core, e->plan, e->job, n + 1, leg->exchange);
    for (perp_instrument_id id; (id = perp_touched_next(&touched)) != PERP_NO_ID;)
        add_position(account, e, n, id);
}

/* The estimate of a leg's position, and with it what the exchange says of it. */
static void liquidation_of(struct perp_eval *e, uint32_t n) {
    const struct perp_job_leg *leg = &e->job->legs[n];
    struct perp_leg_measure *measure = &e->legs[n];
    const struct perp_instrument_entry *entry = perp_instrument_at(e->core, leg->instrument);
    const struct perp_open *open = &e->facts[n]->open;
    struct perp_holding holding = {measure->position, measure->entry};
    measure->liquidation_price = NAN;
    measure->liquidation_distance = 1;
    if (entry->spec.kind == PERP_KIND_SPOT || holding.quantity == 0)
        return;
    double mark = mark_of(measure->market, holding.entry);
    bool is_long = holding.quantity > 0;
    bool is_said =
        open->reported != 0 && open->liquidation_price > 0 && (open->reported > 0) == is_long;
    struct found said = {open->liquidation_price,
                         is_said ? perp_distance_to(mark, open->liquidation_price, is_long) : 1};
    struct found found;
    if (open->margin_mode != PERP_MARGIN_CROSS) {
        struct single single = {entry,
                                fabs(holding.quantity),
                                holding.entry > 0 ? holding.entry : mark,
                                perp_max(leg->leverage, open->leverage),
                                mark,
                                is_long};
        found = isolated(e->core, &single);
    } else if (entry->inverse) {
        found = is_said ? never : (struct found){(double)NAN, 0};
    } else {
        struct account account;
        account_of(e, n, mark, &account);
        found = cross(&account);
    }
    measure->liquidation_price = found.price > 0 ? found.price : (double)NAN;
    measure->liquidation_distance = perp_min(found.distance, said.distance);
}

void perp_position_liquidation(const perp_core *core, perp_instrument_id instrument, int64_t now,
                               double *price, double *distance) {
    const struct perp_instrument_entry *entry = perp_instrument_at(core, instrument);
    union perp_job_room room;
    struct perp_eval e;
    memset(&room, 0, sizeof room);
    perp_zero(&e, offsetof(struct perp_eval, rules));
    /* A job that does nothing there. */
    room.job.n_legs = 1;
    room.job.legs[0].instrument = instrument;
    room.job.legs[0].exchange = (uint8_t)entry->spec.exchange;
    room.job.legs[0].base = entry->base;
    room.job.run = perp_never_ran;
    e.core = core;
    e.risk = core->risk;
    e.config = &core->config.risk;
    e.job = &room.job;
    e.now = now;
    perp_core *own = (perp_core *)(uintptr_t)core; /* facts are kept, the book is only read */
    perp_facts_refresh(own, now, false, false);
    const struct perp_fact *fact = e.facts[0] = perp_fact_of(own, instrument, now);
    const struct perp_open *open = &fact->open;
    e.legs[0].market = &fact->market.view;
    room.job.legs[0].leverage =
        open->leverage >= 1 ? open->leverage : core->config.risk.default_leverage;
    e.legs[0].position = open->holding.quantity;
    e.legs[0].entry = open->holding.entry;
    liquidation_of(&e, 0);
    *price = e.legs[0].liquidation_price;
    *distance = e.legs[0].liquidation_distance;
}

void perp_eval_liquidation(struct perp_eval *e) {
    e->min_distance = 1;
    for (uint32_t i = 0; i < e->job->n_legs; i++) {
        liquidation_of(e, i);
        e->min_distance = perp_min(e->min_distance, e->legs[i].liquidation_distance);
    }
}

double perp_distance_at_best(const perp_core *core, perp_instrument_id instrument, uint32_t side) {
    const struct perp_instrument_entry *entry = perp_instrument_at(core, instrument);
    const perp_exchange_spec *exchange = &core->exchanges[entry->spec.exchange].spec;
    bool is_long = side == PERP_SIDE_BUY;
    if (entry->spec.kind == PERP_KIND_SPOT || exchange->margin_mode == PERP_MARGIN_CROSS ||
        is_long != entry->inverse)
        return 1; /* the equity may be as much as is liked; or there is no such price above 0 */
    perp_tier lowest = perp_tier_of(&entry->spec, 0);
    if (lowest.amount > 0)
        return 1; /* the smaller the position, the further */
    for (uint32_t i = 0; i < entry->spec.n_tiers; i++)
        lowest.mmr = perp_min(lowest.mmr, entry->spec.tiers[i].mmr);
    double m = lowest.mmr + exchange->liquidation_fee_bps / 1e4;
    double price = entry->inverse ? (1 + m) / 2 : 2 / (1 + m); /* for an entry and mark of 1 */
    return perp_max(0, perp_min(1, entry->inverse ? 1 - price : price - 1));
}
