/* Orders in a state: how many there are, what the gate refused, what is unhedged, and of which
   nobody knows. */
#include "monitor/monitor.h"

#include <math.h>
#include <string.h>

#include "core/order.h"
#include "util/num.h"

void perp_copy_orders(const perp_core *core, int64_t now, perp_monitor_state *s) {
    const struct perp_orders *orders = core->orders;
    const struct perp_job_entry *job = core->positions->first_unhedged;
    double sum = 0;
    s->orders = (perp_monitor_orders){.open = orders->n_live,
                                      .in_doubt = orders->n_in_doubt,
                                      .placed_today = orders->placed_today,
                                      .fills_today = orders->fills_today,
                                      .placed_total = orders->next_order - 1,
                                      .unhedged_since = PERP_TIME_NONE};
    for (uint32_t gate = 0; gate < PERP_MAX_GATES; gate++) {
        s->order_refusals[gate] = orders->refused_today[gate];
        s->orders.refused_today += orders->refused_today[gate];
    }
    s->foreign_orders = orders->foreign;
    s->n_unhedged = s->reserved1 = 0;
    for (; job; job = job->run->next_unhedged) {
        uint32_t base = 0;
        perp_monitor_unhedged row = {.job_id = job->id, .since = job->run->unhedged_since};
        row.usd = perp_job_unhedged_usd(core, job, now, &base, &row.quantity);
        sum += row.usd;
        memcpy(row.base, core->bases.items[base], sizeof row.base);
        if (s->n_unhedged < PERP_MONITOR_UNHEDGED)
            s->unhedged[s->n_unhedged] = row;
        s->n_unhedged++;
        if (s->orders.unhedged_since == PERP_TIME_NONE || row.since < s->orders.unhedged_since)
            s->orders.unhedged_since = row.since;
    }
    s->orders.unhedged_jobs_count = s->n_unhedged;
    if (!perp_usd_from_double(sum, &s->orders.unhedged_usd))
        s->orders.unhedged_usd = INT64_MAX;
}

/* All but the name of the exchange, which needs no lock. */
void perp_expose_orders(const perp_core *core, uint32_t *n, struct perp_exposed *rows) {
    const struct perp_order_entry *order = core->orders->first_live;
    uint32_t left = core->orders->n_in_doubt;
    for (; order && left; order = order->next_live) {
        if (order->state != PERP_ORDER_IN_DOUBT)
            continue;
        if (rows) {
            struct perp_exposed *row = &rows[*n];
            *row = (struct perp_exposed){.what = PERP_EXPOSED_ORDER,
                                         .of = order->exchange,
                                         .quantity = order->quantity,
                                         .usd = NAN,
                                         .since = order->placed};
            memcpy(row->client_id, order->client_id, sizeof row->client_id);
        }
        ++*n;
        left--;
    }
}

/* ---- Writing it ---------------------------------------------------------------------------------
 */

static void put_unhedged(struct perp_out *out, const perp_monitor_unhedged *stats) {
    perp_out_begin_item(out);
    PERP_MONITOR_UNHEDGED_LIST(PERP_OUT)
    perp_out_end(out);
}

void perp_out_orders(struct perp_out *out, const perp_core *core, const perp_monitor_state *s) {
    const perp_monitor_orders *stats = &s->orders;
    perp_out_begin(out, PERP_KEY("orders_stats"));
    PERP_MONITOR_ORDERS_LIST(PERP_OUT)
    perp_out_begin(out, PERP_KEY("refused"));
#define PERP_X(NAME, number, text, unit)                                                           \
    perp_out_count(out, PERP_KEY(text), s->order_refusals[number]);
    PERP_GATE_LIST(PERP_X)
#undef PERP_X
    perp_out_end(out);
    perp_out_begin_list(out, PERP_KEY("unhedged_jobs"));
    for (uint32_t i = 0; i < s->n_unhedged && i < PERP_MONITOR_UNHEDGED; i++)
        put_unhedged(out, &s->unhedged[i]);
    perp_out_end_list(out);
    perp_out_begin_list(out, PERP_KEY("foreign"));
    for (uint64_t left = s->foreign_orders; left;)
        perp_out_item(out, core->exchanges[perp_bit_take(&left)].spec.name);
    perp_out_end_list(out);
    perp_out_end(out);
}
