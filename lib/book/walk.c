/* Every stored row of the book, once, in the order in which a checkpoint is read back. */
#include <string.h>

#include "book/book.h"

/* A walk under way. */
struct walk {
    const perp_core *core;
    void (*visit)(void *user, const struct perp_walked_row *row);
    void *user;
};

static void show(const struct walk *walk, enum perp_book_row kind, uint32_t index, const void *row,
                 const struct perp_kept *kept) {
    const struct perp_walked_row walked = {kind, index, row, kept};
    walk->visit(walk->user, &walked);
}

static void walk_registry(const struct walk *walk) {
    const perp_core *core = walk->core;
    const struct perp_ev_configuration config = {core->config.capital, core->config.risk,
                                                 core->config.scheduler, core->config.orders};
    show(walk, PERP_BOOK_CONFIG, 0, &config, core->config_kept);
    for (uint32_t i = 0; i < perp_n_exchanges(core); i++) {
        const struct perp_exchange_entry *entry = &core->exchanges[i];
        const struct perp_ev_exchange exchange = {entry->spec};
        show(walk, PERP_BOOK_EXCHANGE, i, &exchange, entry->kept);
        show(walk, PERP_BOOK_EXCHANGE_LIMITS, i, &entry->row, entry->limits_kept);
    }
    for (uint32_t i = 0; i < perp_n_instruments(core); i++) {
        const struct perp_instrument_entry *entry = perp_instrument_at(core, i);
        const struct perp_ev_instrument instrument = {entry->spec};
        show(walk, PERP_BOOK_INSTRUMENT, 0, &instrument, entry->kept);
    }
}

static void walk_capital(const struct walk *walk) {
    const perp_capital *capital = walk->core->capital;
    show(walk, PERP_BOOK_LEDGER, 0, &capital->row, capital->kept);
    for (uint32_t i = 0; i < perp_n_exchanges(walk->core); i++)
        show(walk, PERP_BOOK_ACCOUNT, i, &capital->accounts[i].row, capital->accounts[i].kept);
    for (const struct perp_held *held = capital->first; held; held = held->next)
        show(walk, PERP_BOOK_RESERVATION, 0, &held->row, held->kept);
    for (uint32_t kind = 0; kind < PERP_KEY_KIND_COUNT; kind++)
        for (const struct perp_key *key = capital->keys[kind].oldest; key; key = key->next)
            show(walk, PERP_BOOK_KEY, 0, &key->row, key->kept);
}

static bool is_default(const struct perp_row_type *type, const void *row,
                       const struct perp_kept *kept) {
    union {
        struct perp_position_row position;
        struct perp_base_row base;
    } none;
    perp_row_preset(type, &none);
    return !kept && perp_row_same(type, row, &none, 0);
}

static void walk_positions(const struct walk *walk) {
    const perp_core *core = walk->core;
    for (uint32_t i = 0; i < perp_n_instruments(core); i++) {
        const struct perp_position_entry *entry = &core->positions->at[i];
        if (!is_default(perp_row_position(), &entry->row, entry->kept))
            show(walk, PERP_BOOK_POSITION, i, &entry->row, entry->kept);
        for (uint32_t j = 0; j < entry->n_lots; j++)
            show(walk, PERP_BOOK_LOT, 0, &entry->lots[j].row, entry->lots[j].kept);
        for (uint32_t j = 0; j < entry->n_owed; j++)
            show(walk, PERP_BOOK_OWED, 0, &entry->owed[j].row, entry->owed[j].kept);
        for (uint32_t j = 0; j < entry->n_since; j++)
            show(walk, PERP_BOOK_SINCE, 0, &entry->since[j].row, entry->since[j].kept);
    }
    for (uint32_t i = 0; i < core->bases.count; i++) {
        const struct perp_base_entry *entry = &core->positions->bases[i];
        if (!is_default(perp_row_base(), &entry->row, entry->kept))
            show(walk, PERP_BOOK_BASE, i, &entry->row, entry->kept);
    }
}

static void walk_risk(const struct walk *walk) {
    const perp_core *core = walk->core;
    const perp_risk *risk = core->risk;
    show(walk, PERP_BOOK_CONTROL, 0, &risk->row, risk->kept);
    for (uint32_t i = 0; i < perp_n_exchanges(core); i++)
        show(walk, PERP_BOOK_CIRCUIT, i, &risk->circuits[i].row, risk->circuits[i].kept);
    for (uint32_t i = 0; i < core->symbols.count; i++) {
        struct perp_blacklisted_row row = {.symbol = ""};
        memcpy(row.symbol, core->symbols.items[i], sizeof row.symbol);
        if (risk->blacklist[i].on)
            show(walk, PERP_BOOK_BLACKLISTED, 0, &row, risk->blacklist[i].kept);
    }
    for (uint32_t i = 0; i < perp_n_instruments(core); i++) {
        const struct perp_halted_row row = {i};
        if (risk->notes[i].halted)
            show(walk, PERP_BOOK_HALTED, 0, &row, risk->notes[i].kept);
    }
    for (uint32_t i = 0; i < risk->n_allowed; i++) {
        const struct perp_ev_allow allowed = {risk->allowed[i].row, true};
        show(walk, PERP_BOOK_ALLOWED, 0, &allowed, risk->allowed[i].kept);
    }
    for (uint32_t i = 0; i < risk->n_collateral; i++) {
        const struct perp_ev_collateral held = {risk->collateral[i].row};
        show(walk, PERP_BOOK_COLLATERAL, 0, &held, risk->collateral[i].kept);
    }
    for (uint32_t i = 0; i < PERP_MAX_HOST_RULES; i++) {
        const struct perp_host_name *known = &core->host_names[i];
        struct perp_ev_host_rule row = {.number = i, .refused_today = known->refused_today};
        memcpy(row.name, known->name, sizeof row.name);
        if (known->name[0])
            show(walk, PERP_BOOK_HOST_RULE, 0, &row, known->kept);
    }
}

static void walk_job(const struct walk *walk, const struct perp_job_entry *job) {
    struct perp_ev_submit whole = {.n_legs = job->n_legs};
    struct perp_leg_row legs[PERP_MAX_LEGS];
    bool runs = job->state == PERP_JOB_RUNNING || job->state == PERP_JOB_IN_DOUBT;
    perp_job_row_of(job, &whole.job);
    perp_job_legs_of(job, legs);
    for (uint32_t i = 0; i < job->n_legs && !runs; i++)
        legs[i].price = 0; /* only of legs that run does the book know one */
    whole.legs = legs;
    show(walk, PERP_BOOK_JOB, 0, &whole, job->kept);
}

static void walk_list(const struct walk *walk, const struct perp_job_list *list) {
    for (const struct perp_job_entry *job = list->first; job; job = job->next)
        walk_job(walk, job);
}

static void walk_scheduler(const struct walk *walk) {
    const perp_core *core = walk->core;
    const perp_scheduler *scheduler = core->scheduler;
    show(walk, PERP_BOOK_QUEUE, 0, &scheduler->row, scheduler->kept);
    for (uint32_t x = 0; x < perp_n_exchanges(core); x++) {
        const struct perp_times *times = &scheduler->times[x];
        for (uint32_t i = 0; i < times->count; i++) {
            const struct perp_dispatched *dispatched = &times->at[times->first + i];
            show(walk, PERP_BOOK_DISPATCHED, 0, &dispatched->row, dispatched->kept);
        }
    }
    for (uint32_t i = 0; i < scheduler->n_places; i++)
        if (perp_place_at(scheduler, i)->job)
            walk_job(walk, perp_place_at(scheduler, i)->job);
    walk_list(walk, &scheduler->running);
    walk_list(walk, &scheduler->open);
    walk_list(walk, &scheduler->ended);
    for (const struct perp_past *past = scheduler->first_past; past; past = past->next)
        show(walk, PERP_BOOK_PAST, 0, &past->row, past->kept);
}

static void walk_orders(const struct walk *walk) {
    const perp_orders *orders = walk->core->orders;
    struct perp_desk_row none;
    perp_row_preset(perp_row_desk(), &none);
    if (orders->kept || !perp_row_same(perp_row_desk(), &orders->row, &none, 0))
        show(walk, PERP_BOOK_DESK, 0, &orders->row, orders->kept);
    for (const struct perp_order_entry *order = orders->first; order; order = order->next) {
        show(walk, PERP_BOOK_ORDER, 0, &order->row, order->kept);
        for (const struct perp_order_fill *trade = order->trades; trade; trade = trade->next)
            show(walk, PERP_BOOK_TRADE, 0, &trade->row, trade->kept);
    }
    for (uint32_t i = 0; i < orders->n_placed; i++) {
        const struct perp_placed *placed = &orders->placed[orders->first_placed + i];
        show(walk, PERP_BOOK_PLACED, 0, &placed->row, placed->kept);
    }
}

void perp_book_walk(const perp_core *core,
                    void (*visit)(void *user, const struct perp_walked_row *), void *user) {
    const struct walk walk = {core, visit, user};
    walk_registry(&walk);
    walk_capital(&walk);
    walk_risk(&walk);
    walk_scheduler(&walk);
    walk_orders(&walk); /* of jobs, as lots are */
    walk_positions(&walk);
}
