/* Orders: what each event of them does. */
#include <math.h>
#include <string.h>

#include "book/book.h"
#include "util/num.h"

static struct perp_order_entry *order_of(const perp_core *core, const struct perp_event *event) {
    return perp_order_find(core, perp_read_order(event)->order);
}

/* ---- Rows for people ----------------------------------------------------------------------------
 */

/* All of it each time: what is old in the table may have gone. */
static void row_order(const perp_core *core, const struct perp_event *event,
                      struct perp_journal *to, const struct perp_order_row *row) {
    const perp_instrument_spec *spec = &perp_instrument_at(core, row->instrument)->spec;
    char job[37];
    perp_uuid_format(&row->job_id, job);
    perp_row_begin(to, PERP_TABLE_ORDERS);
    perp_row_int(to, PERP_ORDERS_NUMBER, (int64_t)row->id);
    perp_row_text(to, PERP_ORDERS_CLIENT_ID, row->client_id);
    perp_row_text(to, PERP_ORDERS_JOB, job);
    perp_row_int(to, PERP_ORDERS_LEG, row->leg);
    perp_row_int(to, PERP_ORDERS_ATTEMPT, row->attempt);
    perp_row_text(to, PERP_ORDERS_EXCHANGE, core->exchanges[spec->exchange].spec.name);
    perp_row_text(to, PERP_ORDERS_SYMBOL, spec->symbol);
    perp_row_text(to, PERP_ORDERS_SIDE, perp_side_string(row->side));
    perp_row_text(to, PERP_ORDERS_TYPE, perp_order_type_string(row->type));
    perp_row_text(to, PERP_ORDERS_TIF, perp_tif_string(row->tif));
    perp_row_number(to, PERP_ORDERS_PRICE, row->price > 0 ? row->price : (double)NAN);
    perp_row_number(to, PERP_ORDERS_QUANTITY, row->quantity);
    perp_row_int(to, PERP_ORDERS_REDUCE_ONLY, row->reduce_only);
    perp_row_text(to, PERP_ORDERS_STATE, perp_order_state_string(row->state));
    perp_row_number(to, PERP_ORDERS_FILLED, row->filled);
    perp_row_number(to, PERP_ORDERS_AVERAGE, row->average > 0 ? row->average : (double)NAN);
    perp_row_int(to, PERP_ORDERS_VOLUME, row->volume);
    perp_row_int(to, PERP_ORDERS_FEES, row->fees);
    perp_row_int(to, PERP_ORDERS_PNL, row->pnl);
    perp_row_text(to, PERP_ORDERS_EXCHANGE_ID, row->exchange_id[0] ? row->exchange_id : NULL);
    perp_row_text(to, PERP_ORDERS_TEXT, row->text[0] ? row->text : NULL);
    perp_row_int(to, PERP_ORDERS_CANCEL_REQUESTED, row->cancel_requested);
    perp_row_int(to, PERP_ORDERS_OVERFILLED, row->overfilled);
    perp_row_time(to, PERP_ORDERS_PLACED_NS, row->placed);
    perp_row_time(to, PERP_ORDERS_ENDED_NS, row->ended);
    perp_row_int(to, PERP_ORDERS_LAST_SEQ, (int64_t)event->seq);
    perp_row_end(to);
}

static void row_in_doubt(const perp_core *core, const struct perp_event *event,
                         struct perp_journal *to, const struct perp_order_entry *order) {
    struct perp_order_row row = order->row;
    row.state = PERP_ORDER_IN_DOUBT;
    row_order(core, event, to, &row);
}

/* ---- Placed, and refused ------------------------------------------------------------------------
 */

static bool fits_place(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_place *place = perp_read_place(event);
    const struct perp_order_row *row = &place->order;
    const struct perp_job_entry *job = perp_job_find(core, &place->job);
    if (memcmp(&row->job_id, &place->job, sizeof place->job) != 0 ||
        row->id != core->orders->next_order + core->prepared.orders ||
        !perp_order_is_sound(core, row) || perp_order_by_client(core, row->client_id))
        return false;
    const struct perp_job_leg *leg = &job->legs[row->leg];
    return row->instrument == leg->instrument && row->side == leg->side &&
           row->state == PERP_ORDER_NEW && row->told == PERP_TOLD_NOTHING && row->filled == 0 &&
           row->placed == event->time_ns && (!job->run->by_legs || perp_job_has_orders(job));
}

static bool prepare_place(perp_core *core, const struct perp_event *event) {
    return perp_order_reserve(core) &&
           (!perp_read_place(event)->repeats || perp_placed_reserve(core));
}

static void rows_place(const perp_core *core, const struct perp_event *event,
                       struct perp_journal *to) {
    row_order(core, event, to, &perp_read_place(event)->order);
}

static void apply_place(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_place *place = perp_read_place(event);
    const struct perp_order_row *row = &place->order;
    const struct perp_order_entry *order = perp_order_add(core, row);
    struct perp_exchange_entry *exchange = &core->exchanges[order->exchange];
    core->orders->next_order = row->id + 1;
    core->orders->placed_today++;
    exchange->order_due = perp_rate_taken(&exchange->spec, exchange->order_due, event->time_ns);
    if (place->repeats)
        perp_placed_add(core, &(struct perp_placed_row){row->instrument, row->side, row->quantity,
                                                        row->price, event->time_ns});
}

static bool fits_refused(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_order_refused *refused = perp_read_order_refused(event);
    return refused->gate != PERP_GATE_NONE &&
           refused->leg < perp_job_find(core, &refused->job)->n_legs;
}

static void apply_refused(perp_core *core, const struct perp_event *event) {
    uint32_t gate = perp_read_order_refused(event)->gate;
    core->orders->refused_today[gate]++;
    core->orders->refused_last[gate] = (uint64_t)event->time_ns;
}

static bool fits_cancel_sent(const perp_core *core, const struct perp_event *event) {
    return perp_order_find(core, perp_read_cancel_sent(event)->order) != NULL;
}

static void rows_cancel_sent(const perp_core *core, const struct perp_event *event,
                             struct perp_journal *to) {
    struct perp_order_row row = perp_order_find(core, perp_read_cancel_sent(event)->order)->row;
    row.cancel_requested = true;
    row_order(core, event, to, &row);
}

static void apply_cancel_sent(perp_core *core, const struct perp_event *event) {
    struct perp_order_entry *order = perp_order_find(core, perp_read_cancel_sent(event)->order);
    struct perp_exchange_entry *exchange = &core->exchanges[order->exchange];
    order->cancel_requested = true;
    exchange->order_due = perp_rate_taken(&exchange->spec, exchange->order_due, event->time_ns);
}

/* ---- What exchanges say -------------------------------------------------------------------------
 */

static bool fill_fits(const struct perp_order_entry *order, const struct perp_ev_order *news) {
    const struct perp_filled *fill = news->fills;
    if (news->n_fills == 0)
        return news->news != PERP_NEWS_FILL && !news->fill_id[0];
    if (fill->leg != order->leg || (fill->quantity > 0 ? fill->price <= 0 : fill->price != 0))
        return false;
    if (news->news == PERP_NEWS_FILL)
        return fill->quantity > 0 && news->fill_id[0] && order->told != PERP_TOLD_TOTALS &&
               !perp_trade_find(order, news->fill_id);
    return news->news == PERP_NEWS_TOTAL && !news->fill_id[0] && order->told != PERP_TOLD_FILLS;
}

static bool end_fits(const struct perp_order_entry *order, const struct perp_ev_order *news) {
    const struct perp_job_entry *job = order->job;
    uint32_t may = PERP_IN(COMPLETED) | PERP_IN(PARTIAL) | PERP_IN(OPEN);
    if (!news->finishes)
        return news->n_mids == 0;
    const struct perp_order_entry *live = job->run->orders;
    for (; live; live = live->next_of_job)
        if (live != order && !perp_order_ended(live->state))
            return false;
    return perp_job_runs(job) && perp_order_ended(news->state) && (may >> news->becomes & 1) &&
           news->n_mids == job->n_legs;
}

static bool fits_order(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_order *news = perp_read_order(event);
    const struct perp_order_entry *order = order_of(core, event);
    if (!order || memcmp(&order->job_id, &news->job, sizeof news->job) != 0 ||
        news->news >= PERP_NEWS_COUNT || !fill_fits(order, news) || !end_fits(order, news))
        return false;
    bool again = perp_order_ended(order->state) &&
                 (perp_news_is_end(news->news) || news->news == PERP_NEWS_UNKNOWN);
    double more = news->n_fills ? news->fills->quantity : 0;
    if (again || news->state != perp_order_state_after(order, news->news, more))
        return false;
    if (!news->n_fills && !news->finishes)
        return true;
    /* The sheet is scratch, no part of the book that is held const. */
    perp_core *book = (perp_core *)(uintptr_t)core;
    struct perp_sheet *sheet = perp_sheet_worked_out(book, event);
    if (!sheet)
        sheet = perp_sheet_of_order(book, order, news, event->time_ns);
    return perp_sheet_follows(core, sheet, event);
}

static bool has_sheet(const struct perp_ev_order *news) {
    return news->n_fills || news->finishes;
}

static bool prepare_order(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_order *news = perp_read_order(event);
    if (has_sheet(news) && !perp_sheet_room(core, event))
        return false;
    return (news->news != PERP_NEWS_FILL || perp_trade_reserve(core)) &&
           (!news->finishes || (perp_pending_reserve(core) && perp_past_reserve(core, 1)));
}

/* The order's figures with what the fill adds to them. */
static void add_fill(struct perp_order_row *order, const struct perp_ev_order *news) {
    const struct perp_filled *fill = news->fills;
    double filled = order->filled + fill->quantity;
    if (fill->quantity > 0)
        order->average =
            order->filled > 0
                ? (order->filled * order->average + fill->quantity * fill->price) / filled
                : fill->price;
    order->filled = filled;
    order->pnl += news->pnl;
    order->volume += news->volume;
    order->fees += news->fees;
    order->told = news->news == PERP_NEWS_FILL ? PERP_TOLD_FILLS : PERP_TOLD_TOTALS;
    order->overfilled |= fill->quantity > 0 && !perp_at_most(order->filled, order->quantity);
}

/* What the news say of the order, but for its state. */
static void add_news(struct perp_order_row *row, const struct perp_event *event) {
    const struct perp_ev_order *news = perp_read_order(event);
    if (news->exchange_id[0] && !row->exchange_id[0])
        memcpy(row->exchange_id, news->exchange_id, sizeof row->exchange_id);
    if (news->text[0])
        memcpy(row->text, news->text, sizeof row->text);
    if (news->n_fills)
        add_fill(row, news);
    if (perp_order_ended(news->state) && row->ended == PERP_TIME_NONE)
        row->ended = event->time_ns;
}

/* overfilled: whether it was before the fill. */
static void tell_of_fill(perp_core *core, const struct perp_order_entry *order, bool overfilled,
                         const struct perp_ev_order *news) {
    const struct perp_filled *fill = news->fills;
    if (!(fill->quantity > 0))
        return;
    if (!perp_job_runs(order->job))
        perp_tell_alert(core, PERP_ALERT_LATE_FILL, PERP_ALERT_WARNING, true, order->client_id,
                        "%g at %g came when its job no longer ran", fill->quantity, fill->price);
    if (order->overfilled && !overfilled)
        perp_tell_alert(core, PERP_ALERT_OVERFILLED, PERP_ALERT_CRITICAL, true, order->client_id,
                        "%g was filled of an order of %g", order->filled, order->quantity);
}

/* Its state, and what is told of its being in doubt. */
static void set_state(perp_core *core, struct perp_order_entry *order, uint32_t state) {
    bool was = order->state == PERP_ORDER_IN_DOUBT, is = state == PERP_ORDER_IN_DOUBT;
    perp_order_set_state(core, order, state);
    if (is && !was)
        perp_tell_alert(core, PERP_ALERT_ORDER_IN_DOUBT, PERP_ALERT_WARNING, true, order->client_id,
                        "ask %s what became of it", core->exchanges[order->exchange].spec.name);
    else if (was && !is)
        perp_tell_alert(core, PERP_ALERT_ORDER_IN_DOUBT, PERP_ALERT_WARNING, false,
                        order->client_id, "%s says that it is %s",
                        core->exchanges[order->exchange].spec.name, perp_order_state_string(state));
}

static void apply_order(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_order *news = perp_read_order(event);
    struct perp_order_entry *order = order_of(core, event);
    struct perp_job_entry *job = order->job;
    bool overfilled = order->overfilled;
    add_news(&order->row, event);
    if (news->news == PERP_NEWS_FILL) {
        struct perp_trade_row trade = {
            .order = order->id, .quantity = news->fills->quantity, .price = news->fills->price};
        memcpy(trade.fill_id, news->fill_id, sizeof trade.fill_id);
        perp_trade_add(core, order, &trade);
    }
    if (news->n_fills) {
        core->orders->fills_today += news->fills->quantity > 0;
        tell_of_fill(core, order, overfilled, news);
    }
    set_state(core, order, news->state);
    if (has_sheet(news))
        perp_job_apply_sheet(core, event, news->finishes ? job : NULL);
    if (news->finishes)
        perp_job_finish(core, job, news->becomes, news->success, news->failure, news->good,
                        news->bad);
}

static void rows_order(const perp_core *core, const struct perp_event *event,
                       struct perp_journal *to) {
    const struct perp_ev_order *news = perp_read_order(event);
    struct perp_order_row after = order_of(core, event)->row;
    add_news(&after, event);
    after.state = news->state;
    row_order(core, event, to, &after);
    if (has_sheet(news))
        perp_rows_of_sheet(core, event, to);
    if (news->finishes)
        perp_row_job_finished(to, event, &news->job, news->becomes);
}

/* ---- Doubt --------------------------------------------------------------------------------------
 */

static void apply_settle(perp_core *core, const struct perp_event *event) {
    struct perp_job_entry *job = perp_job_find(core, perp_event_job(event));
    char id[37];
    job->state = PERP_JOB_RUNNING;
    if (PERP_HOLDS(core, core->scheduler->n_in_doubt > 0, "jobs: fewer in doubt than settle"))
        core->scheduler->n_in_doubt--;
    perp_uuid_format(&job->id, id);
    perp_tell_alert(core, PERP_ALERT_JOB_IN_DOUBT, PERP_ALERT_WARNING, false, id,
                    "its orders are known: it runs on");
}

static void rows_settle(const perp_core *core, const struct perp_event *event,
                        struct perp_journal *to) {
    (void)core;
    perp_row_job_state(to, event, perp_event_job(event), PERP_JOB_RUNNING);
}

static bool fits_reconcile(const perp_core *core, const struct perp_event *event) {
    const struct perp_ev_reconcile *reconcile = perp_read_reconcile(event);
    uint64_t before = 0;
    for (uint32_t i = 0; i < reconcile->n_orders; i++) {
        const struct perp_order_entry *order = perp_order_find(core, reconcile->orders[i].id);
        if (!order || order->id <= before || order->exchange != reconcile->exchange ||
            perp_order_ended(order->state))
            return false;
        before = order->id;
    }
    return true;
}

static void rows_reconcile(const perp_core *core, const struct perp_event *event,
                           struct perp_journal *to) {
    const struct perp_ev_reconcile *reconcile = perp_read_reconcile(event);
    for (uint32_t i = 0; i < reconcile->n_orders; i++)
        row_in_doubt(core, event, to, perp_order_find(core, reconcile->orders[i].id));
}

static void apply_reconcile(perp_core *core, const struct perp_event *event) {
    const struct perp_ev_reconcile *reconcile = perp_read_reconcile(event);
    uint64_t bit = UINT64_C(1) << reconcile->exchange;
    bool was = (core->orders->foreign & bit) != 0, is = reconcile->foreign > 0;
    for (uint32_t i = 0; i < reconcile->n_orders; i++)
        set_state(core, perp_order_find(core, reconcile->orders[i].id), PERP_ORDER_IN_DOUBT);
    core->orders->foreign = is ? core->orders->foreign | bit : core->orders->foreign & ~bit;
    if (was != is)
        perp_tell_alert(core, PERP_ALERT_FOREIGN_ORDER, PERP_ALERT_WARNING, is,
                        core->exchanges[reconcile->exchange].spec.name,
                        is ? "%u open orders are none of ours" : "all open orders are ours",
                        reconcile->foreign);
}

static void rows_orders_doubt(const perp_core *core, const struct perp_event *event,
                              struct perp_journal *to) {
    const struct perp_order_entry *order = core->orders->first_live;
    for (; order; order = order->next_live)
        if (order->state != PERP_ORDER_IN_DOUBT)
            row_in_doubt(core, event, to, order);
}

static void apply_orders_doubt(perp_core *core, const struct perp_event *event) {
    struct perp_order_entry *order = core->orders->first_live;
    (void)event;
    for (; order; order = order->next_live)
        set_state(core, order, PERP_ORDER_IN_DOUBT);
}

const struct perp_event_row perp_order_events[PERP_EVENT_COUNT] = {
    [PERP_EVENT_PLACE] = {.fits = fits_place,
                          .prepare = prepare_place,
                          .rows = rows_place,
                          .apply = apply_place,
                          .established = PERP_ESTABLISHED_ALL},
    [PERP_EVENT_ORDER_REFUSED] = {.fits = fits_refused, .apply = apply_refused},
    [PERP_EVENT_CANCEL_SENT] = {.fits = fits_cancel_sent,
                                .rows = rows_cancel_sent,
                                .apply = apply_cancel_sent,
                                .established = PERP_ESTABLISHED_ALL},
    [PERP_EVENT_ORDER] = {.fits = fits_order,
                          .prepare = prepare_order,
                          .rows = rows_order,
                          .apply = apply_order,
                          .established = PERP_ESTABLISHED_FIT},
    [PERP_EVENT_SETTLE] = {.rows = rows_settle, .apply = apply_settle},
    [PERP_EVENT_RECONCILE] = {.fits = fits_reconcile,
                              .rows = rows_reconcile,
                              .apply = apply_reconcile},
    [PERP_EVENT_ORDERS_DOUBT] = {.rows = rows_orders_doubt, .apply = apply_orders_doubt},
};
