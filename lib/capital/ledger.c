/* The ledger's state and how it changes: only apply functions write here. */
#include "capital/capital.h"

#include <string.h>

#include "util/num.h"

#define CHUNK 128

struct perp_chunk {
    struct perp_chunk *next;
    size_t size;
};

perp_status perp_capital_open(perp_core *core, perp_capital **out) {
    perp_capital *capital = perp_alloc(core, sizeof *capital);
    if (!capital)
        return perp_fail(core, PERP_E_NOMEM, "no memory for the ledger");
    memset(capital, 0, sizeof *capital);
    capital->core = core;
    capital->next_id = 1;
    capital->day = PERP_TIME_NONE;
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++)
        capital->accounts[i].last_update = PERP_TIME_NONE;
    *out = capital;
    return PERP_OK;
}

void perp_capital_close(perp_capital *capital) {
    if (!capital)
        return;
    perp_core *core = capital->core;
    struct perp_map_memory memory = perp_map_memory_of(core);
    perp_kept_free(core, &capital->kept);
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++)
        perp_kept_free(core, &capital->accounts[i].kept);
    for (struct perp_held *held = capital->first; held; held = held->next)
        perp_kept_free(core, &held->kept);
    perp_keys_close(capital);
    perp_ids_free(&capital->held, &memory);
    for (struct perp_chunk *chunk = capital->chunks; chunk;) {
        struct perp_chunk *next = chunk->next;
        perp_free(core, chunk, chunk->size);
        chunk = next;
    }
    perp_free(core, capital, sizeof *capital);
}

/* One more chunk of `count` items behind its header; NULL where there is no memory. */
static void *add_chunk(perp_core *core, size_t item, uint32_t count) {
    size_t size = sizeof(struct perp_chunk) + item * count;
    struct perp_chunk *chunk = perp_alloc(core, size);
    if (!chunk)
        return NULL;
    chunk->size = size;
    chunk->next = core->capital->chunks;
    core->capital->chunks = chunk;
    return chunk + 1;
}

bool perp_capital_prepare_held(perp_core *core, uint32_t more) {
    perp_capital *capital = core->capital;
    core->prepared.reservations += more;
    if (core->prepared.reservations <= capital->n_free_held &&
        perp_ids_have_room(&capital->held, core->prepared.reservations))
        return true;
    const struct perp_map_memory memory = perp_map_memory_of(core);
    while (capital->n_free_held < core->prepared.reservations) {
        struct perp_held *items = add_chunk(core, sizeof *items, CHUNK);
        if (!items)
            return false;
        for (uint32_t i = 0; i < CHUNK; i++) {
            items[i].next = capital->free_held;
            capital->free_held = &items[i];
        }
        capital->n_free_held += CHUNK;
    }
    return perp_ids_reserve(&capital->held, core->prepared.reservations, &memory);
}

bool perp_capital_prepare_keys(perp_core *core, uint32_t kind, uint32_t more) {
    perp_capital *capital = core->capital;
    struct perp_map_memory memory = perp_map_memory_of(core);
    core->prepared.keys += more;
    while (capital->n_free_keys < core->prepared.keys) {
        struct perp_key *items = add_chunk(core, sizeof *items, CHUNK);
        if (!items)
            return false;
        for (uint32_t i = 0; i < CHUNK; i++) {
            items[i].next = capital->free_keys;
            capital->free_keys = &items[i];
        }
        capital->n_free_keys += CHUNK;
    }
    return perp_map_reserve(&capital->keys[kind].by_key, core->prepared.keys, &memory);
}

struct perp_held *perp_capital_hold(perp_core *core, const struct perp_need *need,
                                    const perp_uuid *job) {
    perp_capital *capital = core->capital;
    struct perp_held *held = capital->free_held;
    PERP_HOLDS(core, need->amount > 0 && capital->n_free_held > 0,
               "hold: a reservation of nothing, or one that no room was made for");
    capital->free_held = held->next;
    capital->n_free_held--;
    *held = (struct perp_held){.row = {.id = capital->next_id++,
                                       .exchange = need->exchange,
                                       .pool = need->pool,
                                       .reserved = need->amount,
                                       .in_flight = need->amount},
                               .previous = capital->last};
    if (job) {
        held->has_job = true;
        held->job = *job;
    }
    *(capital->last ? &capital->last->next : &capital->first) = held;
    capital->last = held;
    capital->n_live++;
    perp_ids_add(&capital->held, held->id, held);
    struct perp_account *account = &capital->accounts[need->exchange];
    PERP_HOLDS(core,
               !__builtin_add_overflow(account->pools[need->pool].in_flight, need->amount,
                                       &account->pools[need->pool].in_flight),
               "hold: what is in flight in a pool overflows");
    account->last_update = perp_clock(core);
    return held;
}

/* Takes amount out of the reservation, from what is in flight first; forgets it when nothing is
 * left. */
void perp_capital_give(perp_core *core, struct perp_held *held, perp_usd amount) {
    perp_capital *capital = core->capital;
    struct perp_account *account = &capital->accounts[held->exchange];
    struct perp_pool_book *pool = &account->pools[held->pool];
    perp_usd flying = amount < held->in_flight ? amount : held->in_flight;
    PERP_HOLDS(core, amount >= 0 && amount - flying <= held->used,
               "give: more than a reservation has");
    held->in_flight -= flying;
    held->used -= amount - flying;
    held->released += amount;
    pool->in_flight -= flying;
    pool->used -= amount - flying;
    PERP_HOLDS(core, held->reserved == held->in_flight + held->used + held->released,
               "give: reserved is not in flight + used + released");
    PERP_HOLDS(core, pool->in_flight >= 0 && pool->used >= 0,
               "give: in flight or used of a pool is below 0");
    account->last_update = perp_clock(core);
    if (held->in_flight || held->used)
        return;
    if (held->kept)
        perp_kept_free(core, &held->kept);
    perp_ids_remove(&capital->held, held->id, held);
    *(held->previous ? &held->previous->next : &capital->first) = held->next;
    *(held->next ? &held->next->previous : &capital->last) = held->previous;
    capital->n_live--;
    held->next = capital->free_held;
    capital->free_held = held;
    capital->n_free_held++;
}

void perp_capital_set(perp_core *core, struct perp_held *held, perp_usd in_flight, perp_usd used,
                      perp_usd released) {
    struct perp_account *account = &core->capital->accounts[held->exchange];
    struct perp_pool_book *pool = &account->pools[held->pool];
    PERP_HOLDS(core, in_flight >= 0 && used >= 0 && released >= held->released,
               "set: in flight or used of a reservation is below 0");
    pool->in_flight += in_flight - held->in_flight;
    pool->used += used - held->used;
    PERP_HOLDS(core, pool->in_flight >= 0 && pool->used >= 0,
               "set: in flight or used of a pool is below 0");
    held->in_flight = in_flight;
    held->used = used;
    held->released = released;
    held->reserved = in_flight + used + released;
    account->last_update = perp_clock(core);
}

void perp_capital_give_back(perp_core *core, struct perp_held *held) {
    perp_capital_give(core, held, held->in_flight + held->used);
}

void perp_capital_use_part(perp_core *core, struct perp_held *held, perp_usd amount) {
    struct perp_account *account = &core->capital->accounts[held->exchange];
    PERP_HOLDS(core, amount >= 0 && amount <= held->in_flight,
               "use: more than a reservation has in flight");
    held->in_flight -= amount;
    held->used += amount;
    account->pools[held->pool].in_flight -= amount;
    account->pools[held->pool].used += amount;
    PERP_HOLDS(core, account->pools[held->pool].in_flight >= 0,
               "use: in flight of a pool is below 0");
    account->last_update = perp_clock(core);
}

void perp_capital_use(perp_core *core, struct perp_held *held) {
    perp_capital_use_part(core, held, held->in_flight);
}

perp_usd perp_capital_most_single(const perp_core *core, const struct perp_account *account,
                                  uint32_t pool) {
    return perp_usd_ppm(account->pools[pool].budget, core->config.capital.max_single_reserve_ppm);
}

perp_usd perp_capital_most_total(const perp_core *core, const struct perp_account *account) {
    return perp_usd_ppm(account->equity > 0 ? account->equity : 0,
                        core->config.capital.max_total_notional_ppm);
}

static void set_budgets(const perp_core *core, struct perp_account *account) {
    perp_usd equity = account->equity > 0 ? account->equity : 0;
    perp_usd wash = perp_usd_ppm(equity, core->config.capital.wash_ppm);
    perp_usd arb = perp_usd_ppm(equity, core->config.capital.arb_ppm);
    account->pools[PERP_POOL_WASH].budget = wash;
    account->pools[PERP_POOL_ARB].budget = arb;
    account->pools[PERP_POOL_RESERVE].budget = equity - wash - arb;
    for (uint32_t pool = 0; pool < PERP_POOL_COUNT; pool++)
        account->pools[pool].most_single = perp_capital_most_single(core, account, pool);
    account->most_total = perp_capital_most_total(core, account);
}

void perp_capital_rebudget(perp_core *core) {
    for (uint32_t i = 0; i < perp_n_exchanges(core); i++)
        set_budgets(core, &core->capital->accounts[i]);
}

void perp_capital_set_equity(perp_capital *capital, perp_exchange_id exchange, perp_usd equity) {
    struct perp_account *account = &capital->accounts[exchange];
    capital->equity += equity - account->equity;
    account->equity = equity;
    account->last_update = perp_clock(capital->core);
    set_budgets(capital->core, account);
    const struct perp_pool_book *pools = account->pools;
    PERP_HOLDS(capital->core,
               equity <= PERP_MOST_USD && equity >= -PERP_MOST_USD &&
                   capital->equity <= PERP_MOST_SUM && capital->equity >= -PERP_MOST_SUM,
               "equity: of an exchange or of all is out of range");
    PERP_HOLDS(capital->core,
               pools[PERP_POOL_WASH].budget >= 0 && pools[PERP_POOL_ARB].budget >= 0 &&
                   pools[PERP_POOL_RESERVE].budget >= 0,
               "equity: a budget is below 0");
}

bool perp_capital_can_hold(const perp_capital *capital, const struct perp_need *need) {
    const struct perp_pool_book *pool = &capital->accounts[need->exchange].pools[need->pool];
    return pool->in_flight + pool->used <= INT64_MAX / 16 - need->amount;
}

bool perp_capital_can_book(const perp_capital *capital, int64_t now, perp_exchange_id exchange,
                           perp_usd pnl, perp_usd volume, perp_usd fees) {
    const perp_day_figures new_day = {0};
    const perp_day_figures *today = &capital->accounts[exchange].today;
    if (perp_day_begins(capital->core, now))
        today = &new_day;
    /* A quarter of the range each, so that sums and differences over exchanges can't overflow
     * either. */
    const perp_usd most = INT64_MAX / 4 / PERP_MAX_EXCHANGES;
    perp_usd sum;
    return volume >= 0 && perp_usd_add(today->pnl, pnl, &sum) && sum <= most && sum >= -most &&
           perp_usd_add(today->volume, volume, &sum) && sum <= most &&
           perp_usd_add(today->fees, fees, &sum) && sum <= most && sum >= -most;
}

void perp_capital_book(perp_core *core, perp_exchange_id exchange, perp_usd pnl, perp_usd volume,
                       perp_usd fees) {
    struct perp_account *account = &core->capital->accounts[exchange];
    perp_day_figures *today = &account->today;
    bool overflows = __builtin_add_overflow(today->pnl, pnl, &today->pnl);
    overflows |= __builtin_add_overflow(today->volume, volume, &today->volume);
    overflows |= __builtin_add_overflow(today->fees, fees, &today->fees);
    core->capital->booked += fees - pnl;
    PERP_HOLDS(core, !overflows && volume >= 0 && today->volume >= 0,
               "book: the day's figures overflow, or its volume is below 0");
    account->last_update = perp_clock(core);
}

static void set_day(perp_core *core, int64_t day, int32_t offset) {
    perp_capital *capital = core->capital;
    core->day = capital->day = day;
    core->day_offset = capital->day_offset = offset;
    perp_day_forget(core);
}

void perp_capital_keep_day(perp_core *core) {
    if (core->day == PERP_TIME_NONE && perp_clock(core) != PERP_TIME_NONE)
        set_day(core, perp_day_now(core), core->config.capital.day_offset_minutes);
}

void perp_capital_roll(perp_core *core, int64_t days) {
    perp_capital *capital = core->capital;
    set_day(core, PERP_TIME_NONE, 0);
    uint32_t n = perp_n_exchanges(core);
    for (uint32_t i = 0; i < n; i++) {
        struct perp_account *account = &capital->accounts[i];
        const perp_day_figures zero = {0};
        account->yesterday = days == 1 ? account->today : zero;
        account->today = zero;
        account->day_start = account->equity;
        account->can_undo = false;
    }
    capital->booked = 0;
    capital->starts = capital->peak = capital->equity;
    capital->start_apart = capital->booked_apart = 0;
}
