/* The desk: queries of orders, what the host asked of exchanges, and what follows from a list of
   open orders. */
#include "orders/orders.h"

#include <stdlib.h>
#include <string.h>

#include "util/num.h"
#include "util/sized.h"

void perp_desk_roll(perp_core *core) {
    perp_orders *orders = core->orders;
    orders->placed_today = orders->fills_today = 0;
    memset(orders->refused_today, 0, sizeof orders->refused_today);
}

void perp_desk_set_back(perp_core *core, int64_t now) {
    perp_placed_set_back(core, now);
    for (uint32_t x = 0; x < perp_n_exchanges(core); x++)
        if (core->exchanges[x].order_due > now)
            core->exchanges[x].order_due = now;
}

/* ---- Cancels ------------------------------------------------------------------------------------
 */

static perp_status decide_cancel(struct perp_decision *d, uint64_t number) {
    perp_core *core = d->core;
    if (!perp_order_find(core, number))
        return perp_fail(core, PERP_E_NOT_FOUND, "order: no order %llu, or no longer kept",
                         (unsigned long long)number);
    perp_status status = perp_decision_check(d);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_cancel_sent(core, &(struct perp_ev_cancel_sent){.order = number});
    return status;
}

perp_status perp_orders_cancel_sent(perp_orders *orders, const perp_call *call, uint64_t order) {
    if (!orders)
        return perp_fail(NULL, PERP_E_INVALID, "orders: NULL");
    struct perp_decision d;
    perp_decision_open(&d, orders->core, call);
    return perp_decision_close(&d, decide_cancel(&d, order));
}

/* ---- Out of doubt -------------------------------------------------------------------------------
 */

static perp_status decide_settled(struct perp_decision *d, const perp_uuid *job_id) {
    perp_core *core = d->core;
    const struct perp_job_entry *job = perp_job_find(core, job_id);
    if (!job || job->state != PERP_JOB_IN_DOUBT)
        return perp_fail(core, PERP_E_NOT_FOUND, "job_id: no such job is in doubt");
    perp_status status = perp_decision_check(d);
    const struct perp_order_entry *order = job->run->orders;
    for (; order && status == PERP_OK; order = order->next_of_job)
        if (order->state == PERP_ORDER_IN_DOUBT)
            status = perp_fail(core, PERP_E_STATE, "job_id: its order %llu (%s) is in doubt",
                               (unsigned long long)order->id, order->client_id);
    if (status == PERP_OK)
        status = perp_decision_begin(d);
    if (status == PERP_OK)
        perp_put_for_job(core, PERP_EVENT_SETTLE, job_id);
    return status;
}

perp_status perp_orders_settled(perp_orders *orders, const perp_call *call,
                                const perp_uuid *job_id) {
    if (!orders || !job_id)
        return perp_fail(orders ? orders->core : NULL, PERP_E_INVALID, "settled: NULL");
    struct perp_decision d;
    perp_decision_open(&d, orders->core, call);
    return perp_decision_close(&d, decide_settled(&d, job_id));
}

/* ---- Reconciling --------------------------------------------------------------------------------
 */

/* At most so many in one event. */
#define MOST_IN_EVENT 32768u

void perp_reconciled_init(perp_reconciled *reconciled) {
    if (!reconciled)
        return;
    memset(reconciled, 0, sizeof *reconciled);
    reconciled->struct_size = sizeof *reconciled;
}

struct reconciling {
    perp_core *core;
    struct perp_decision *d;
    perp_exchange_id exchange;
    int64_t time_ns;
    const char *const *client_ids;
    uint32_t n;
    perp_reconciled *out;
    uint64_t *listed; /* numbers of ours that were listed, sorted */
    uint32_t n_listed;
};

static int compare_numbers(const void *a, const void *b) {
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

static bool is_listed(const struct reconciling *r, uint64_t number) {
    uint32_t low = 0, high = r->n_listed;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (r->listed[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->n_listed && r->listed[low] == number;
}

/* Which of those listed are ours; the rest is foreign. false: no memory. */
static bool read_list(struct reconciling *r) {
    perp_core *core = r->core;
    r->listed = r->n ? perp_batch_memory(core, r->n * sizeof *r->listed) : NULL;
    if (r->n && !r->listed)
        return false;
    for (uint32_t i = 0; i < r->n; i++) {
        const struct perp_order_entry *order = perp_order_by_client(core, r->client_ids[i]);
        bool ours = order && order->exchange == r->exchange &&
                    (!perp_order_ended(order->state) || order->ended >= r->time_ns);
        if (ours) {
            r->listed[r->n_listed++] = order->id;
            continue;
        }
        if (r->out->foreign && r->out->n_foreign < r->out->foreign_capacity)
            r->out->foreign[r->out->n_foreign] = i;
        r->out->n_foreign++;
    }
    if (r->n_listed)
        qsort(r->listed, r->n_listed, sizeof *r->listed, compare_numbers);
    return true;
}

static void put_part(struct reconciling *r, const struct perp_numbered_row *orders, uint32_t n) {
    perp_put_reconcile(r->core, &(struct perp_ev_reconcile){.exchange = r->exchange,
                                                            .time_ns = r->time_ns,
                                                            .foreign = r->out->n_foreign,
                                                            .n_orders = n,
                                                            .orders = orders});
}

/* Ours that should have been listed. false: no memory. */
static bool put_missing(struct reconciling *r) {
    perp_core *core = r->core;
    const struct perp_order_entry *order = core->orders->first_live;
    struct perp_numbered_row *missing = NULL;
    uint32_t n = 0, n_events = 0;
    for (; order; order = order->next_live) {
        if (order->exchange != r->exchange || order->state == PERP_ORDER_IN_DOUBT ||
            order->placed >= r->time_ns || is_listed(r, order->id))
            continue;
        if (!missing)
            missing = perp_batch_memory(core, MOST_IN_EVENT * sizeof *missing);
        if (!missing)
            return false;
        missing[n++] = (struct perp_numbered_row){order->id};
        if (r->out->in_doubt && r->out->n_in_doubt < r->out->capacity)
            r->out->in_doubt[r->out->n_in_doubt] = order->id;
        r->out->n_in_doubt++;
        if (n == MOST_IN_EVENT) {
            put_part(r, missing, n);
            n_events++;
            n = 0;
        }
    }
    bool foreign = core->orders->foreign >> r->exchange & 1;
    if (n || (!n_events && foreign != (r->out->n_foreign > 0)))
        put_part(r, missing, n);
    return true;
}

static perp_status decide_reconcile(struct reconciling *r) {
    perp_core *core = r->core;
    if (r->exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", r->exchange);
    perp_status status = perp_decision_check(r->d);
    for (uint32_t i = 0; i < r->n && status == PERP_OK; i++)
        if (!r->client_ids[i])
            status = perp_fail(core, PERP_E_INVALID, "client_ids[%u]: NULL", i);
    if (status == PERP_OK)
        status = perp_decision_begin(r->d);
    if (status != PERP_OK)
        return status;
    return read_list(r) && put_missing(r)
               ? PERP_OK
               : perp_fail(core, PERP_E_NOMEM, "no memory for the list: nothing was changed");
}

perp_status perp_orders_reconcile(perp_orders *orders, const perp_call *call,
                                  perp_exchange_id exchange, int64_t time_ns,
                                  const char *const *client_ids, uint32_t n,
                                  perp_reconciled *reconciled) {
    if (!orders || (n && !client_ids))
        return perp_fail(orders ? orders->core : NULL, PERP_E_INVALID, "reconcile: NULL");
    perp_reconciled found, *out = &found;
    perp_reconciled_init(out);
    if (reconciled && !perp_struct_in(out, sizeof *out, reconciled))
        return perp_fail(orders->core, PERP_E_INVALID, "reconciled: struct_size %u is not known",
                         reconciled->struct_size);
    out->n_in_doubt = out->n_foreign = 0;
    struct perp_decision d;
    struct reconciling r = {.core = orders->core,
                            .d = &d,
                            .exchange = exchange,
                            .time_ns = time_ns,
                            .client_ids = client_ids,
                            .n = n,
                            .out = out};
    perp_decision_open(&d, orders->core, call);
    perp_status status = decide_reconcile(&r);
    status = perp_decision_close(&d, status);
    if (status != PERP_OK)
        out->n_in_doubt = out->n_foreign = 0;
    if (reconciled)
        perp_struct_out(reconciled, out, sizeof *out);
    return status;
}

/* ---- Queries ------------------------------------------------------------------------------------
 */

static void show(const struct perp_order_entry *order, perp_order_info *info) {
    info->struct_size = sizeof *info;
    info->leg = order->leg;
    info->order = order->id;
    info->job_id = order->job_id;
    info->attempt = order->attempt;
    info->type = order->type;
    info->tif = order->tif;
    info->state = order->state;
    info->side = order->side;
    info->reduce_only = order->reduce_only;
    info->cancel_requested = order->cancel_requested;
    info->overfilled = order->overfilled;
    info->exchange = order->exchange;
    info->instrument = order->instrument;
    info->limit_price = order->price;
    info->quantity = order->quantity;
    info->filled = order->filled;
    info->price = order->average;
    info->volume = order->volume;
    info->fees = order->fees;
    info->pnl = order->pnl;
    info->placed_ns = order->placed;
    info->ended_ns = order->ended;
    memcpy(info->client_id, order->client_id, sizeof info->client_id);
    memcpy(info->exchange_id, order->exchange_id, sizeof info->exchange_id);
    memcpy(info->text, order->text, sizeof info->text);
}

perp_status perp_orders_get(const perp_orders *orders, uint64_t number, perp_order_info *info) {
    if (!orders || !info)
        return perp_fail(orders ? orders->core : NULL, PERP_E_INVALID, "order: NULL");
    const perp_core *core = orders->core;
    perp_order_info all;
    perp_zero(&all, sizeof all);
    perp_read_begin(core);
    const struct perp_order_entry *order = perp_order_find(core, number);
    if (order)
        show(order, &all);
    perp_read_end(core);
    if (!order)
        return perp_fail(core, PERP_E_NOT_FOUND, "order: no order %llu, or no longer kept",
                         (unsigned long long)number);
    if (!perp_struct_out(info, &all, sizeof all))
        return perp_fail(core, PERP_E_INVALID, "order: struct_size %u is not known",
                         info->struct_size);
    return PERP_OK;
}

perp_status perp_orders_find(const perp_orders *orders, const char *client_id, uint64_t *number) {
    if (!orders || !client_id || !number)
        return perp_fail(orders ? orders->core : NULL, PERP_E_INVALID, "order: NULL");
    const perp_core *core = orders->core;
    perp_read_begin(core);
    const struct perp_order_entry *order = perp_order_by_client(core, client_id);
    if (order)
        *number = order->id;
    perp_read_end(core);
    return order ? PERP_OK
                 : perp_fail(core, PERP_E_NOT_FOUND, "client_id: no such order, or no longer kept");
}

void perp_order_filter_init(perp_order_filter *filter) {
    if (!filter)
        return;
    memset(filter, 0, sizeof *filter);
    filter->struct_size = sizeof *filter;
    filter->state = PERP_NO_ID;
    filter->exchange = PERP_ALL_EXCHANGES;
}

static bool passes(const perp_order_filter *filter, const struct perp_order_entry *order) {
    bool state = filter->state == PERP_NO_ID || filter->state == order->state ||
                 (filter->state == PERP_ORDER_NOT_ENDED && !perp_order_ended(order->state));
    return state && (filter->exchange == PERP_ALL_EXCHANGES || filter->exchange == order->exchange);
}

/* Where to look: among the orders of a job, those that have not ended, or all. */
static uint32_t collect(const perp_orders *orders, const perp_order_filter *filter,
                        const struct perp_job_entry *job, uint64_t *numbers, uint32_t capacity) {
    bool live = filter->state == PERP_ORDER_NOT_ENDED ||
                (filter->state != PERP_NO_ID && !perp_order_ended(filter->state));
    const struct perp_order_entry *order = job    ? job->run->orders
                                           : live ? orders->first_live
                                                  : orders->first;
    uint32_t n = 0;
    for (; order; order = job ? order->next_of_job : live ? order->next_live : order->next)
        if (passes(filter, order)) {
            if (n < capacity)
                numbers[n] = order->id;
            n++;
        }
    return n;
}

perp_status perp_orders_list(const perp_orders *orders, const perp_order_filter *given,
                             uint64_t *numbers, uint32_t capacity, uint32_t *count) {
    if (!orders || !count || (capacity && !numbers))
        return perp_fail(orders ? orders->core : NULL, PERP_E_INVALID, "list: NULL");
    const perp_core *core = orders->core;
    perp_order_filter filter;
    perp_order_filter_init(&filter);
    if (given && !perp_struct_in(&filter, sizeof filter, given))
        return perp_fail(core, PERP_E_INVALID, "filter: struct_size %u is not known",
                         given->struct_size);
    if (filter.has_job > 1 || (filter.state >= PERP_ORDER_STATE_COUNT &&
                               filter.state != PERP_NO_ID && filter.state != PERP_ORDER_NOT_ENDED))
        return perp_fail(core, PERP_E_INVALID, "filter: state %u or has_job %u is not known",
                         filter.state, filter.has_job);
    if (filter.exchange != PERP_ALL_EXCHANGES && filter.exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", filter.exchange);
    perp_read_begin(core);
    const struct perp_job_entry *job = filter.has_job ? perp_job_find(core, &filter.job_id) : NULL;
    bool known = job || !filter.has_job;
    if (known)
        *count = collect(orders, &filter, job, numbers, capacity);
    perp_read_end(core);
    return known ? PERP_OK : perp_fail(core, PERP_E_NOT_FOUND, "job_id: no such job");
}

perp_status perp_orders_query(const perp_orders *orders, int64_t now_ns, perp_orders_state *state) {
    if (!orders || !state)
        return perp_fail(orders ? orders->core : NULL, PERP_E_INVALID, "state: NULL");
    const perp_core *core = orders->core;
    perp_orders_state all;
    perp_zero(&all, sizeof all);
    all.struct_size = sizeof all;
    all.unhedged_since_ns = PERP_TIME_NONE;
    perp_read_begin(core);
    all.open = orders->n_live;
    all.in_doubt = orders->n_in_doubt;
    all.kept = orders->by_number.count;
    all.placed_today = orders->placed_today;
    all.fills_today = orders->fills_today;
    all.placed_total = orders->next_order - 1;
    all.foreign = orders->foreign;
    memcpy(all.refused_today, orders->refused_today, sizeof all.refused_today);
    const struct perp_job_entry *job = core->positions->first_unhedged;
    for (; job; job = job->run->next_unhedged) {
        all.unhedged_jobs++;
        if (all.unhedged_since_ns == PERP_TIME_NONE ||
            job->run->unhedged_since < all.unhedged_since_ns)
            all.unhedged_since_ns = job->run->unhedged_since;
    }
    double usd = perp_unhedged_usd(core, perp_query_time(core, now_ns));
    perp_read_end(core);
    if (!perp_usd_from_double(usd, &all.unhedged_usd))
        all.unhedged_usd = INT64_MAX;
    if (!perp_struct_out(state, &all, sizeof all))
        return perp_fail(core, PERP_E_INVALID, "state: struct_size %u is not known",
                         state->struct_size);
    return PERP_OK;
}
