/* The containers of orders, the message allowance of exchanges, and client ids. */
#include "core/order.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/events.h"
#include "util/num.h"

/* ---- Memory -------------------------------------------------------------------------------------
 */

#define CHUNK 64

struct perp_order_chunk {
    struct perp_order_chunk *next;
    struct perp_order_entry at[CHUNK];
};

struct perp_order_fill_chunk {
    struct perp_order_fill_chunk *next;
    struct perp_order_fill at[CHUNK];
};

perp_status perp_orders_open(perp_core *core, perp_orders **out) {
    perp_orders *orders = perp_alloc(core, sizeof *orders);
    if (!orders)
        return perp_fail(core, PERP_E_NOMEM, "no memory for orders");
    memset(orders, 0, sizeof *orders);
    perp_row_preset(perp_row_desk(), &orders->row);
    orders->core = core;
    *out = orders;
    return PERP_OK;
}

static void free_kept(perp_core *core, struct perp_order_entry *order) {
    for (struct perp_order_fill *trade = order->trades; trade; trade = trade->next)
        perp_kept_free(core, &trade->kept);
    perp_kept_free(core, &order->kept);
}

void perp_orders_close(perp_orders *orders) {
    if (!orders)
        return;
    perp_core *core = orders->core;
    const struct perp_map_memory memory = perp_map_memory_of(core);
    for (struct perp_order_entry *order = orders->first; order; order = order->next)
        free_kept(core, order);
    for (uint32_t i = 0; i < orders->n_placed; i++)
        perp_kept_free(core, &orders->placed[orders->first_placed + i].kept);
    perp_kept_free(core, &orders->kept);
    while (orders->order_chunks) {
        struct perp_order_chunk *chunk = orders->order_chunks;
        orders->order_chunks = chunk->next;
        perp_free(core, chunk, sizeof *chunk);
    }
    while (orders->trade_chunks) {
        struct perp_order_fill_chunk *chunk = orders->trade_chunks;
        orders->trade_chunks = chunk->next;
        perp_free(core, chunk, sizeof *chunk);
    }
    perp_ids_free(&orders->by_number, &memory);
    perp_ids_free(&orders->by_client, &memory);
    perp_free(core, orders->placed, orders->placed_capacity * sizeof *orders->placed);
    perp_free(core, orders, sizeof *orders);
}

static bool more_orders(perp_core *core) {
    perp_orders *orders = core->orders;
    struct perp_order_chunk *chunk = perp_alloc(core, sizeof *chunk);
    if (!chunk)
        return false;
    chunk->next = orders->order_chunks;
    orders->order_chunks = chunk;
    for (uint32_t i = 0; i < CHUNK; i++) {
        chunk->at[i].next = orders->free_orders;
        orders->free_orders = &chunk->at[i];
    }
    orders->n_free_orders += CHUNK;
    return true;
}

static bool more_trades(perp_core *core) {
    perp_orders *orders = core->orders;
    struct perp_order_fill_chunk *chunk = perp_alloc(core, sizeof *chunk);
    if (!chunk)
        return false;
    chunk->next = orders->trade_chunks;
    orders->trade_chunks = chunk;
    for (uint32_t i = 0; i < CHUNK; i++) {
        chunk->at[i].next = orders->free_trades;
        orders->free_trades = &chunk->at[i];
    }
    orders->n_free_trades += CHUNK;
    return true;
}

bool perp_order_reserve(perp_core *core) {
    perp_orders *orders = core->orders;
    const struct perp_map_memory memory = perp_map_memory_of(core);
    uint32_t n = ++core->prepared.orders;
    return perp_ids_reserve(&orders->by_number, n, &memory) &&
           perp_ids_reserve(&orders->by_client, n, &memory) &&
           (orders->n_free_orders >= n || more_orders(core));
}

bool perp_trade_reserve(perp_core *core) {
    uint32_t n = ++core->prepared.trades;
    return core->orders->n_free_trades >= n || more_trades(core);
}

/* ---- Orders -------------------------------------------------------------------------------------
 */

static uint64_t hash_of_client(const char *client_id) {
    return perp_hash_bytes(1, client_id, strnlen(client_id, PERP_NAME_SIZE));
}

struct perp_order_entry *perp_order_find(const perp_core *core, uint64_t number) {
    return perp_ids_find(&core->orders->by_number, number);
}

struct perp_order_entry *perp_order_by_client(const perp_core *core, const char *client_id) {
    const struct perp_ids *ids = &core->orders->by_client;
    uint64_t hash = hash_of_client(client_id);
    if (!ids->count)
        return NULL;
    for (const struct perp_ids_slot *slot = perp_ids_first(ids, hash); slot->value;
         slot = perp_ids_next(ids, slot)) {
        struct perp_order_entry *order = slot->value;
        if (slot->id == hash && strncmp(order->client_id, client_id, PERP_NAME_SIZE) == 0)
            return order;
    }
    return NULL;
}

static void join_live(perp_orders *orders, struct perp_order_entry *order) {
    struct perp_order_entry *before = orders->last_live;
    while (before && before->id > order->id) /* one that ended and turns out not to have */
        before = before->last_live;
    order->last_live = before;
    order->next_live = before ? before->next_live : orders->first_live;
    *(before ? &before->next_live : &orders->first_live) = order;
    *(order->next_live ? &order->next_live->last_live : &orders->last_live) = order;
    orders->n_live++;
}

static void leave_live(perp_orders *orders, struct perp_order_entry *order) {
    *(order->last_live ? &order->last_live->next_live : &orders->first_live) = order->next_live;
    *(order->next_live ? &order->next_live->last_live : &orders->last_live) = order->last_live;
    order->next_live = order->last_live = NULL;
    orders->n_live--;
}

void perp_order_set_state(perp_core *core, struct perp_order_entry *order, uint32_t state) {
    perp_orders *orders = core->orders;
    bool was_live = !perp_order_ended(order->state), is_live = !perp_order_ended(state);
    orders->n_in_doubt -= order->state == PERP_ORDER_IN_DOUBT;
    orders->n_in_doubt += state == PERP_ORDER_IN_DOUBT;
    if (was_live && !is_live)
        leave_live(orders, order);
    else if (!was_live && is_live)
        join_live(orders, order);
    order->state = state;
}

struct perp_order_entry *perp_order_add(perp_core *core, const struct perp_order_row *row) {
    perp_orders *orders = core->orders;
    struct perp_order_entry *order = orders->free_orders;
    orders->free_orders = order->next;
    orders->n_free_orders--;
    memset(order, 0, sizeof *order);
    order->row = *row;
    order->exchange = perp_instrument_at(core, row->instrument)->spec.exchange;
    order->job = perp_job_find(core, &row->job_id);
    order->previous = orders->last;
    *(orders->last ? &orders->last->next : &orders->first) = order;
    orders->last = order;
    struct perp_order_entry *first = order->job->run->orders;
    *(first ? &first->last_of_job->next_of_job : &order->job->run->orders) = order;
    (first ? first : order)->last_of_job = order;
    if (!perp_order_ended(row->state))
        join_live(orders, order);
    orders->n_in_doubt += row->state == PERP_ORDER_IN_DOUBT;
    perp_ids_add(&orders->by_number, row->id, order);
    perp_ids_add(&orders->by_client, hash_of_client(row->client_id), order);
    return order;
}

static void forget_order(perp_core *core, struct perp_order_entry *order) {
    perp_orders *orders = core->orders;
    perp_ids_remove(&orders->by_number, order->id, order);
    perp_ids_remove(&orders->by_client, hash_of_client(order->client_id), order);
    if (!perp_order_ended(order->state)) /* never of a sound book */
        leave_live(orders, order);
    orders->n_in_doubt -= order->state == PERP_ORDER_IN_DOUBT;
    *(order->previous ? &order->previous->next : &orders->first) = order->next;
    *(order->next ? &order->next->previous : &orders->last) = order->previous;
    free_kept(core, order);
    while (order->trades) {
        struct perp_order_fill *trade = order->trades;
        order->trades = trade->next;
        trade->next = orders->free_trades;
        orders->free_trades = trade;
        orders->n_free_trades++;
    }
    order->next = orders->free_orders;
    orders->free_orders = order;
    orders->n_free_orders++;
}

void perp_job_forget_orders(perp_core *core, struct perp_job_entry *job) {
    while (job->run->orders) {
        struct perp_order_entry *order = job->run->orders;
        job->run->orders = order->next_of_job;
        forget_order(core, order);
    }
}

const struct perp_order_entry *perp_job_live_order(const struct perp_job_entry *job) {
    const struct perp_order_entry *order = job->run->orders;
    while (order && perp_order_ended(order->state))
        order = order->next_of_job;
    return order;
}

bool perp_job_has_orders(const struct perp_job_entry *job) {
    return job->run->orders != NULL;
}

uint32_t perp_leg_attempts(const struct perp_job_entry *job, uint32_t leg) {
    uint32_t most = 0;
    for (const struct perp_order_entry *order = job->run->orders; order; order = order->next_of_job)
        if (order->leg == leg && order->attempt > most)
            most = order->attempt;
    return most;
}

bool perp_leg_rejected(const struct perp_job_entry *job, uint32_t leg) {
    for (const struct perp_order_entry *order = job->run->orders; order; order = order->next_of_job)
        if (order->leg == leg && order->state == PERP_ORDER_REJECTED)
            return true;
    return false;
}

double perp_leg_ordered(const struct perp_job_entry *job, uint32_t leg) {
    double sum = 0;
    for (const struct perp_order_entry *order = job->run->orders; order; order = order->next_of_job)
        if (order->leg == leg && !perp_order_ended(order->state))
            sum = perp_quantity_sum(
                sum, perp_max(0, perp_quantity_sum(order->quantity, -order->filled)));
    return sum;
}

static bool type_is_sound(const struct perp_order_row *row) {
    if (row->type == PERP_ORDER_MARKET)
        return row->tif == PERP_TIF_IOC && row->price == 0;
    return row->type == PERP_ORDER_LIMIT && row->tif < PERP_TIF_COUNT && row->price > 0;
}

static bool figures_are_sound(const struct perp_order_row *row) {
    bool any = row->filled > 0;
    return row->state < PERP_ORDER_STATE_COUNT && row->told < PERP_TOLD_COUNT &&
           (!any || (row->told != PERP_TOLD_NOTHING && row->average > 0)) && row->volume >= 0 &&
           perp_order_ended(row->state) == (row->ended != PERP_TIME_NONE);
}

bool perp_order_is_sound(const perp_core *core, const struct perp_order_row *row) {
    const struct perp_job_entry *job = perp_job_find(core, &row->job_id);
    if (!job || !perp_has_run(job) || row->leg >= job->n_legs || row->attempt < 1 ||
        row->attempt > PERP_MAX_ATTEMPTS || row->attempt <= perp_leg_attempts(job, row->leg))
        return false;
    bool runs = job->state == PERP_JOB_RUNNING || job->state == PERP_JOB_IN_DOUBT;
    char client_id[PERP_NAME_SIZE];
    perp_client_id_of(
        &core->exchanges[perp_instrument_at(core, row->instrument)->spec.exchange].spec,
        &row->job_id, row->leg, row->attempt, row->id, client_id);
    return type_is_sound(row) && figures_are_sound(row) && (runs || perp_order_ended(row->state)) &&
           strncmp(client_id, row->client_id, PERP_NAME_SIZE) == 0;
}

bool perp_order_is_full(const struct perp_order_entry *order, double more) {
    return order->filled + more >= order->quantity * (1 - PERP_NEAR_ZERO);
}

uint32_t perp_order_state_after(const struct perp_order_entry *order, uint32_t news, double more) {
    bool ended = perp_order_ended(order->state), any = order->filled > 0;
    switch (news) {
    case PERP_NEWS_ACCEPTED:
        return ended ? order->state : PERP_ORDER_OPEN;
    case PERP_NEWS_FILL:
    case PERP_NEWS_TOTAL:
        if (perp_order_is_full(order, more))
            return PERP_ORDER_FILLED;
        return ended || !(more > 0) ? order->state : PERP_ORDER_OPEN;
    case PERP_NEWS_CANCELLED:
        return PERP_ORDER_CANCELLED;
    case PERP_NEWS_EXPIRED:
        return PERP_ORDER_EXPIRED;
    case PERP_NEWS_DECLINED:
        return any ? PERP_ORDER_CANCELLED : PERP_ORDER_DECLINED;
    case PERP_NEWS_REJECTED:
        return any ? PERP_ORDER_CANCELLED : PERP_ORDER_REJECTED;
    default:
        return PERP_ORDER_IN_DOUBT;
    }
}

/* ---- Trades -------------------------------------------------------------------------------------
 */

const struct perp_order_fill *perp_trade_find(const struct perp_order_entry *order,
                                              const char *fill_id) {
    const struct perp_order_fill *trade = order->trades;
    while (trade && strncmp(trade->fill_id, fill_id, PERP_NAME_SIZE) != 0)
        trade = trade->next;
    return trade;
}

static struct perp_order_fill *take_trade(perp_orders *orders, const struct perp_trade_row *row) {
    struct perp_order_fill *trade = orders->free_trades;
    orders->free_trades = trade->next;
    orders->n_free_trades--;
    memset(trade, 0, sizeof *trade);
    trade->row = *row;
    return trade;
}

struct perp_order_fill *perp_trade_add(perp_core *core, struct perp_order_entry *order,
                                       const struct perp_trade_row *row) {
    struct perp_order_fill *trade = take_trade(core->orders, row);
    trade->next = order->trades;
    order->trades = trade;
    return trade;
}

struct perp_order_fill *perp_trade_add_last(perp_core *core, struct perp_order_entry *order,
                                            const struct perp_trade_row *row) {
    struct perp_order_fill *trade = take_trade(core->orders, row), **end = &order->trades;
    while (*end)
        end = &(*end)->next;
    *end = trade;
    return trade;
}

/* ---- What counts for repeat_limit ---------------------------------------------------------------
 */

bool perp_placed_reserve(perp_core *core) {
    perp_orders *orders = core->orders;
    core->prepared.placed++;
    if (orders->first_placed && orders->first_placed >= orders->n_placed) {
        memmove(orders->placed, orders->placed + orders->first_placed,
                orders->n_placed * sizeof *orders->placed);
        orders->first_placed = 0;
    }
    void *placed = orders->placed;
    bool done = perp_grow(core, &placed, &orders->placed_capacity,
                          orders->first_placed + orders->n_placed + core->prepared.placed,
                          sizeof *orders->placed);
    orders->placed = placed;
    return done;
}

static bool counts(const perp_core *core, const struct perp_placed *placed, int64_t now) {
    return perp_ns_since(placed->time_ns, now) <
           core->config.orders.repeat_window_ms * PERP_NS_PER_MS;
}

void perp_placed_trim(perp_core *core, int64_t now) {
    perp_orders *orders = core->orders;
    while (orders->n_placed && !counts(core, &orders->placed[orders->first_placed], now)) {
        perp_kept_free(core, &orders->placed[orders->first_placed].kept);
        orders->first_placed++;
        orders->n_placed--;
    }
}

void perp_placed_add(perp_core *core, const struct perp_placed_row *row) {
    perp_orders *orders = core->orders;
    perp_placed_trim(core, row->time_ns);
    if (!PERP_HOLDS(core, orders->first_placed + orders->n_placed < orders->placed_capacity,
                    "orders: no room was made for one that may be repeated"))
        return;
    orders->placed[orders->first_placed + orders->n_placed++] =
        (struct perp_placed){.row = *row, .kept = NULL};
}

void perp_placed_set_back(perp_core *core, int64_t now) {
    perp_orders *orders = core->orders;
    for (uint32_t i = 0; i < orders->n_placed; i++) {
        struct perp_placed *placed = &orders->placed[orders->first_placed + i];
        if (placed->time_ns > now)
            placed->time_ns = now;
    }
}

uint32_t perp_placed_same(const perp_core *core, const struct perp_placed_row *row) {
    const perp_orders *orders = core->orders;
    uint32_t n = 0;
    for (uint32_t i = 0; i < orders->n_placed; i++) {
        const struct perp_placed *placed = &orders->placed[orders->first_placed + i];
        n += placed->instrument == row->instrument && placed->side == row->side &&
             placed->quantity == row->quantity && placed->price == row->price &&
             counts(core, placed, row->time_ns);
    }
    return n;
}

/* ---- The message allowance ----------------------------------------------------------------------
 */

static int64_t step_of(const perp_exchange_spec *spec) {
    return (int64_t)floor(1e9 / spec->order_rate_per_s);
}

int64_t perp_rate_next(const perp_exchange_spec *spec, int64_t due) {
    if (spec->order_rate_per_s == 0 || due == PERP_TIME_NONE)
        return PERP_TIME_NONE;
    int64_t ahead = (int64_t)(spec->order_burst - 1) * step_of(spec);
    return due < INT64_MIN + ahead ? INT64_MIN : due - ahead;
}

int64_t perp_rate_taken(const perp_exchange_spec *spec, int64_t due, int64_t now) {
    if (spec->order_rate_per_s == 0)
        return due;
    return perp_ns_after(due > now ? due : now, step_of(spec));
}

double perp_rate_left(const perp_exchange_spec *spec, int64_t due, int64_t now) {
    int64_t next = perp_rate_next(spec, due);
    if (spec->order_rate_per_s == 0)
        return NAN;
    if (due == PERP_TIME_NONE || due <= now)
        return spec->order_burst;
    return now < next ? 0 : (double)(perp_ns_since(next, now) / step_of(spec) + 1);
}

/* ---- Client ids ---------------------------------------------------------------------------------
 */

/* The finaliser of SplitMix64. */
static uint64_t mix(uint64_t x) {
    x ^= x >> 30;
    x *= UINT64_C(0xBF58476D1CE4E5B9);
    x ^= x >> 27;
    x *= UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

static void derive(const perp_uuid *job, uint32_t leg, uint32_t attempt, perp_uuid *id) {
    uint64_t hi = perp_eight_bytes(job->bytes), lo = perp_eight_bytes(job->bytes + 8);
    uint64_t n = UINT64_C(256) * leg + attempt;
    uint64_t first = mix(hi ^ mix(lo + UINT64_C(0x9E3779B97F4A7C15) * n));
    uint64_t second = mix(lo ^ first);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    first = __builtin_bswap64(first);
    second = __builtin_bswap64(second);
#endif
    memcpy(id->bytes, &first, sizeof first);
    memcpy(id->bytes + 8, &second, sizeof second);
}

static void write_hex(const perp_uuid *id, char *text) {
    perp_hex_digits(id, text);
    text[32] = '\0';
}

/* RFC 4648, lower case, no padding: 26 characters. */
static void write_base32(const perp_uuid *id, char *text) {
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint32_t bits = 0, n_bits = 0;
    for (size_t i = 0; i < sizeof id->bytes; i++) {
        bits = bits << 8 | id->bytes[i];
        n_bits += 8;
        while (n_bits >= 5) {
            *text++ = digits[bits >> (n_bits - 5) & 31];
            n_bits -= 5;
        }
    }
    *text++ = digits[bits << (5 - n_bits) & 31];
    *text = '\0';
}

void perp_client_id_of(const perp_exchange_spec *spec, const perp_uuid *job, uint32_t leg,
                       uint32_t attempt, uint64_t number, char text[PERP_NAME_SIZE]) {
    memset(text, 0, PERP_NAME_SIZE);
    size_t prefix = strnlen(spec->client_id_prefix, PERP_MAX_CLIENT_PREFIX);
    if (spec->client_id_format == PERP_CLIENT_ID_U32 && number == 0)
        return;
    perp_uuid id;
    derive(job, leg, attempt, &id);
    memcpy(text, spec->client_id_prefix, prefix);
    text += prefix;
    switch (spec->client_id_format) {
    case PERP_CLIENT_ID_0X:
        memcpy(text, "0x", 2);
        write_hex(&id, text + 2);
        break;
    case PERP_CLIENT_ID_UUID:
        perp_uuid_format(&id, text);
        break;
    case PERP_CLIENT_ID_B32:
        write_base32(&id, text);
        break;
    case PERP_CLIENT_ID_U32:
        snprintf(text, 11, "%u", (unsigned)(number & UINT32_MAX));
        break;
    default:
        write_hex(&id, text);
    }
}
