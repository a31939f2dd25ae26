/* What exchanges say of orders. */
#include "orders/orders.h"

#include <math.h>
#include <string.h>

#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

void perp_order_news_init(perp_order_news *news) {
    if (!news)
        return;
    memset(news, 0, sizeof *news);
    news->struct_size = sizeof *news;
    news->kind = PERP_NEWS_ACCEPTED;
    news->time_ns = PERP_TIME_NONE;
}

/* Of an order, at most so many times its quantity is believed. */
#define MOST_OVERFILL 2.0

/* News under way. */
struct telling {
    perp_core *core;
    struct perp_decision *d;
    const perp_order_news *news;
    struct perp_order_entry *order;
    struct perp_filled fill;
    bool fills;   /* there is a fill, or figures without one */
    bool nothing; /* nothing of it is new */
};

/* ---- Looking at it ------------------------------------------------------------------------------
 */

static perp_status check_text(const perp_core *core, const char *name, const char *text) {
    if (text && !perp_text_is_name(text, PERP_NAME_SIZE - 1))
        return perp_fail(core, PERP_E_INVALID, "%s: not a text of 1 to %d bytes", name,
                         PERP_NAME_SIZE - 1);
    return PERP_OK;
}

static perp_status check_figures(const perp_core *core, perp_usd fee, bool has_pnl, perp_usd pnl) {
    perp_status status = perp_check_figure(core, PERP_NO_ID, "fee", fee);
    return status == PERP_OK && has_pnl ? perp_check_figure(core, PERP_NO_ID, "pnl", pnl) : status;
}

static perp_status check_trade(const struct telling *t) {
    const perp_order_news *news = t->news;
    const perp_core *core = t->core;
    if (!news->fill_id)
        return perp_fail(core, PERP_E_INVALID, "fill_id: not given");
    if (!perp_positive(news->quantity))
        return perp_fail(core, PERP_E_INVALID, "quantity: %.17g is not above 0", news->quantity);
    if (!perp_positive(news->price))
        return perp_fail(core, PERP_E_INVALID, "price: %.17g is not above 0", news->price);
    return PERP_OK;
}

static perp_status check_total(const struct telling *t) {
    const perp_order_news *news = t->news;
    const perp_core *core = t->core;
    if (!perp_not_negative(news->quantity))
        return perp_fail(core, PERP_E_INVALID, "filled: %.17g is below 0", news->quantity);
    if (news->quantity > 0 ? !perp_positive(news->price) : !isfinite(news->price))
        return perp_fail(core, PERP_E_INVALID, "price: %.17g is not above 0", news->price);
    return PERP_OK;
}

/* What is wrong with news whatever was known. */
static perp_status check(const struct telling *t) {
    const perp_order_news *news = t->news;
    const perp_core *core = t->core;
    uint32_t told = t->order->told;
    if (news->kind >= PERP_NEWS_COUNT)
        return perp_fail(core, PERP_E_INVALID, "kind: %u is not known", news->kind);
    if (news->has_pnl > 1 || news->reserved != 0)
        return perp_fail(core, PERP_E_INVALID, "news: has_pnl %u is not 0 or 1, or reserved not 0",
                         news->has_pnl);
    perp_status status = check_text(core, "exchange_id", news->exchange_id);
    if (status == PERP_OK && news->kind == PERP_NEWS_FILL)
        status = check_text(core, "fill_id", news->fill_id);
    if (status == PERP_OK && news->kind == PERP_NEWS_FILL)
        status = check_trade(t);
    if (status == PERP_OK && news->kind == PERP_NEWS_TOTAL)
        status = check_total(t);
    if (status == PERP_OK && (news->kind == PERP_NEWS_FILL || news->kind == PERP_NEWS_TOTAL))
        status = check_figures(core, news->fee, news->has_pnl, news->pnl);
    if (status != PERP_OK)
        return status;
    /* What a word of its end says of fills would be lost: they are told as fills or totals, first.
     */
    if (news->kind != PERP_NEWS_FILL && news->kind != PERP_NEWS_TOTAL &&
        (news->quantity != 0 || news->price != 0 || news->fee != 0 || news->has_pnl))
        return perp_fail(core, PERP_E_INVALID,
                         "quantity, price, fee and pnl: of a fill or a total, not of %s",
                         perp_news_string(news->kind));
    if ((news->kind == PERP_NEWS_FILL && told == PERP_TOLD_TOTALS) ||
        (news->kind == PERP_NEWS_TOTAL && told == PERP_TOLD_FILLS))
        return perp_fail(core, PERP_E_INVALID, "kind: order %llu is reported by %s",
                         (unsigned long long)t->order->id,
                         told == PERP_TOLD_FILLS ? "fills" : "totals");
    return PERP_OK;
}

static perp_status too_much(const struct telling *t, double filled) {
    return perp_fail(t->core, PERP_E_INVALID, "quantity: %.17g in all is more than twice %.17g",
                     filled, t->order->quantity);
}

/* A trade is known again by its id. */
static perp_status read_trade(struct telling *t) {
    const perp_order_news *news = t->news;
    const struct perp_order_fill *known = perp_trade_find(t->order, news->fill_id);
    if (known && (known->quantity != news->quantity || known->price != news->price))
        return perp_fail(t->core, PERP_E_CONFLICT,
                         "fill_id: '%s' is booked with quantity %.17g and price %.17g",
                         news->fill_id, known->quantity, known->price);
    if (known)
        return perp_fail(t->core, PERP_E_EXISTS, "fill_id: '%s' is booked already", news->fill_id);
    if (t->order->filled + news->quantity > MOST_OVERFILL * t->order->quantity)
        return too_much(t, t->order->filled + news->quantity);
    t->fill.quantity = news->quantity;
    t->fill.price = news->price;
    t->fill.fee = news->fee;
    t->fill.has_pnl = news->has_pnl != 0;
    t->fill.pnl = news->has_pnl ? news->pnl : 0;
    t->fills = true;
    return PERP_OK;
}

/* What a total adds to what was known. */
static perp_status read_total(struct telling *t) {
    const perp_order_news *news = t->news;
    const struct perp_order_entry *order = t->order;
    double more = perp_quantity_sum(news->quantity, -order->filled);
    if (news->quantity > MOST_OVERFILL * order->quantity)
        return too_much(t, news->quantity);
    if (more < 0)
        return perp_fail(t->core, PERP_E_STALE, "filled: %.17g is less than %.17g before",
                         news->quantity, order->filled);
    double price = more > 0 ? news->price : 0;
    if (more > 0 && order->filled > 0) {
        price = (news->quantity * news->price - order->filled * order->average) / more;
        if (!perp_positive(price))
            price = news->price;
    }
    t->fill.quantity = more;
    t->fill.price = price;
    t->fill.has_pnl = news->has_pnl != 0;
    /* Neither overflows: each is a figure. What is between them need not be one. */
    t->fill.fee = news->fee - order->fees;
    t->fill.pnl = news->has_pnl ? news->pnl - order->pnl : 0;
    perp_status status = check_figures(t->core, t->fill.fee, true, t->fill.pnl);
    if (status != PERP_OK)
        return status;
    t->fills = more > 0 || t->fill.fee != 0 || t->fill.pnl != 0;
    t->nothing = !t->fills;
    return PERP_OK;
}

static perp_status read_news(struct telling *t) {
    const perp_order_news *news = t->news;
    const struct perp_order_entry *order = t->order;
    int64_t now = perp_decision_time(t->d);
    bool timed = news->time_ns != PERP_TIME_NONE;
    t->fill.leg = order->leg;
    t->fill.time_ns = timed && news->time_ns < now ? news->time_ns : now;
    t->fill.time_given = timed;
    t->fill.mid = perp_mid_of(t->core, order->instrument);
    if (news->kind == PERP_NEWS_FILL)
        return read_trade(t);
    if (news->kind == PERP_NEWS_TOTAL)
        return read_total(t);
    bool ended = perp_order_ended(order->state);
    if (ended && (perp_news_is_end(news->kind) || news->kind == PERP_NEWS_UNKNOWN))
        return perp_fail(t->core, PERP_E_EXISTS, "order %llu has ended already: it is %s",
                         (unsigned long long)order->id, perp_order_state_string(order->state));
    t->nothing = news->kind == PERP_NEWS_ACCEPTED && (ended || order->state == PERP_ORDER_OPEN) &&
                 (!news->exchange_id || order->exchange_id[0]);
    t->nothing |= news->kind == PERP_NEWS_UNKNOWN && order->state == PERP_ORDER_IN_DOUBT;
    return PERP_OK;
}

/* ---- What it makes ------------------------------------------------------------------------------
 */

/* Words of an exchange as they can be stored. */
static void take_text(char to[PERP_LONG_SIZE], const char *text) {
    size_t length = text ? strnlen(text, PERP_LONG_SIZE - 1) : 0;
    memcpy(to, text ? text : "", length);
    to[length] = '\0';
    if (text && text[length]) /* cut */
        perp_text_end_whole(to);
    if (*to && !perp_text_is_name(to, PERP_LONG_SIZE - 1))
        for (char *at = to; *at; at++)
            if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
                *at = '?';
}

/* Whether with this the last order of its job ends, and every leg is full. */
static bool ends_job(const struct telling *t, const struct perp_sheet *sheet, uint32_t state) {
    const struct perp_job_entry *job = t->order->job;
    if (!t->core->config.orders.auto_finish || !perp_order_ended(state) ||
        perp_order_ended(t->order->state) ||
        (job->state != PERP_JOB_RUNNING && job->state != PERP_JOB_IN_DOUBT))
        return false;
    const struct perp_order_entry *live = job->run->orders;
    for (; live; live = live->next_of_job)
        if (live != t->order && !perp_order_ended(live->state))
            return false;
    return perp_job_is_full(job, sheet);
}

static void sum_figures(const struct perp_sheet *sheet, struct perp_ev_order *event) {
    for (uint64_t left = sheet->booked; left;) {
        const struct perp_booking *booking = &sheet->bookings[perp_bit_take(&left)];
        event->pnl += booking->pnl;
        event->volume += booking->volume;
        event->fees += booking->fees;
    }
}

static bool sum_is_figure(perp_usd before, perp_usd more) {
    perp_usd sum;
    return perp_usd_add(before, more, &sum) && sum >= -PERP_MOST_USD && sum <= PERP_MOST_USD;
}

static perp_status check_sheet(const struct telling *t, const struct perp_sheet *sheet,
                               const struct perp_ev_order *event) {
    const struct perp_order_entry *order = t->order;
    if (sheet->failed)
        return perp_fail(t->core, PERP_E_NOMEM, "no memory for the change: nothing was changed");
    if (!perp_sheet_fits(sheet, t->d->now) || !sum_is_figure(order->pnl, event->pnl) ||
        !sum_is_figure(order->volume, event->volume) || !sum_is_figure(order->fees, event->fees))
        return perp_fail(t->core, PERP_E_RANGE, "order: the figures would overflow");
    return PERP_OK;
}

static void put(struct telling *t, struct perp_ev_order *event, struct perp_sheet *sheet) {
    perp_core *core = t->core;
    const struct perp_job_entry *job = t->order->job;
    bool partial = event->finishes && event->becomes == PERP_JOB_PARTIAL;
    bool runs = job->state == PERP_JOB_RUNNING || job->state == PERP_JOB_IN_DOUBT;
    if (event->finishes)
        perp_risk_put_ups(core);
    perp_put_order(core, event);
    perp_sheet_is_of_last(core);
    if (t->fills && runs && !event->finishes)
        perp_look_at_unhedged(core, job, &t->fill, 1, t->d->now);
    if (t->fills || event->finishes)
        perp_put_stories(core, sheet, t->d->now, partial ? job : NULL,
                         event->finishes && job->is_repair ? job : NULL);
}

static perp_status decide(struct telling *t, perp_order_outcome *outcome) {
    const perp_order_news *news = t->news;
    struct perp_order_entry *order = t->order;
    struct perp_job_entry *job = order->job;
    struct perp_price mids[PERP_MAX_LEGS];
    struct perp_ev_order event = {
        .job = job->id,
        .order = order->id,
        .news = news->kind,
        .state = perp_order_state_after(order, news->kind, t->fills ? t->fill.quantity : 0),
        .n_fills = t->fills,
        .fills = &t->fill};
    if (news->exchange_id && !order->exchange_id[0])
        memcpy(event.exchange_id, news->exchange_id, strlen(news->exchange_id));
    if (news->kind == PERP_NEWS_FILL)
        memcpy(event.fill_id, news->fill_id, strlen(news->fill_id));
    if (perp_news_is_end(news->kind))
        take_text(event.text, news->text);
    struct perp_sheet *sheet = perp_sheet_of_order(t->core, order, &event, t->d->now);
    sum_figures(sheet, &event);
    perp_status status = check_sheet(t, sheet, &event);
    if (status != PERP_OK)
        return status;
    if (ends_job(t, sheet, event.state)) {
        perp_finish_by_order(t->core, job, &event);
        for (uint32_t i = 0; i < job->n_legs; i++)
            mids[i].price = perp_mid_of(t->core, job->legs[i].instrument);
        event.mids = mids;
        event.n_mids = job->n_legs;
        perp_sheet_end_by_orders(sheet, job, mids);
        status = check_sheet(t, sheet, &event);
        if (status != PERP_OK)
            return status;
    }
    outcome->state = event.state;
    outcome->finished = event.finishes;
    outcome->becomes = event.finishes ? event.becomes : job->state;
    put(t, &event, sheet);
    return PERP_OK;
}

static perp_status tell(struct telling *t, perp_order_outcome *outcome) {
    const perp_order_news *news = t->news;
    perp_core *core = t->core;
    t->order = news->order       ? perp_order_find(core, news->order)
               : news->client_id ? perp_order_by_client(core, news->client_id)
                                 : NULL;
    if (!t->order)
        return news->order || news->client_id
                   ? perp_fail(core, PERP_E_NOT_FOUND, "order: no such order, or no longer kept")
                   : perp_fail(core, PERP_E_INVALID, "order: neither its number nor client_id");
    perp_status status = perp_decision_check(t->d);
    if (status == PERP_OK)
        status = check(t);
    if (status == PERP_OK)
        status = read_news(t);
    if (status == PERP_OK)
        status = perp_decision_begin(t->d);
    if (status != PERP_OK)
        return status;
    outcome->order = t->order->id;
    outcome->state = t->order->state;
    outcome->becomes = t->order->job->state;
    if (t->nothing)
        return PERP_OK;
    if (t->fills)
        perp_batch_stands(core); /* it has happened */
    return decide(t, outcome);
}

perp_status perp_orders_tell(perp_orders *orders, const perp_call *call,
                             const perp_order_news *given, perp_order_outcome *outcome) {
    if (!orders || !given)
        return perp_fail(orders ? orders->core : NULL, PERP_E_INVALID, "order: NULL");
    perp_core *core = orders->core;
    perp_order_news news;
    perp_order_news_init(&news);
    if (!perp_struct_in(&news, sizeof news, given))
        return perp_fail(core, PERP_E_INVALID, "news: struct_size %u is not known",
                         given->struct_size);
    if (outcome && !perp_struct_fits(outcome, sizeof *outcome))
        return perp_fail(core, PERP_E_INVALID, "outcome: struct_size %u is not known",
                         outcome->struct_size);
    perp_order_outcome full;
    perp_zero(&full, sizeof full);
    full.struct_size = sizeof full;
    struct perp_decision d;
    struct telling t;
    perp_zero(&t, sizeof t);
    t.core = core;
    t.d = &d;
    t.news = &news;
    perp_decision_open(&d, core, call);
    perp_status status = tell(&t, &full);
    status = perp_decision_close(&d, status);
    if (status == PERP_OK && outcome)
        perp_struct_out(outcome, &full, sizeof full);
    return status;
}
