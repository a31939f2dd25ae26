/* From what an exchange said to the book. Any thread may come here. What is told twice, late, or in
   another order than it happened does no harm: the book knows each trade by its id. */
#include <stdio.h>
#include <string.h>

#include "executor.h"

#define PROBES 64

/* ---- orders that have not ended ---- */

ex_order *ex_order_of(executor *ex, uint64_t order, bool makes) {
    ex_order *there = NULL;
    for (uint32_t i = 0; i < PROBES; i++) {
        ex_order *at = &ex->live[(order + i) % EX_ORDERS];
        if (at->order == order)
            return at;
        if (at->order == 0 && there == NULL)
            there = at;
    }
    perp_order_info info = {.struct_size = sizeof info};
    if (!makes || there == NULL || perp_orders_get(ex->orders, order, &info) != PERP_OK ||
        info.state >= PERP_ORDER_FILLED)
        return NULL;
    ex_venue *venue;
    const ex_instrument *instrument = ex_instrument_of(ex, info.instrument, &venue);
    if (instrument == NULL)
        return NULL;
    *there = (ex_order){.order = order,
                        .job_id = info.job_id,
                        .venue = venue,
                        .instrument = instrument,
                        .placed_ns = info.placed_ns,
                        .executed = info.filled,
                        .is_there = info.exchange_id[0] != '\0' || info.filled > 0};
    memcpy(there->client_id, info.client_id, sizeof there->client_id);
    return there;
}

void ex_order_drop(ex_order *order) {
    order->order = 0;
}

/* ---- which order an exchange's own id is of ---- */

static ex_known *known_at(const ex_venue *venue, int64_t exchange_id, bool makes) {
    for (uint64_t i = 0; i < PROBES; i++) {
        ex_known *at = &venue->known[((uint64_t)exchange_id + i) % EX_KNOWN];
        if (at->exchange_id == exchange_id || (makes && at->exchange_id == 0))
            return at;
    }
    return makes ? &venue->known[(uint64_t)exchange_id % EX_KNOWN] : NULL;
}

void ex_know(ex_venue *venue, int64_t exchange_id, uint64_t order) {
    if (exchange_id == 0)
        return;
    pthread_mutex_lock(&venue->ex->lock);
    *known_at(venue, exchange_id, true) = (ex_known){exchange_id, order};
    pthread_mutex_unlock(&venue->ex->lock);
}

uint64_t ex_known_order(ex_venue *venue, int64_t exchange_id) {
    pthread_mutex_lock(&venue->ex->lock);
    const ex_known *at = known_at(venue, exchange_id, false);
    uint64_t order = at == NULL ? 0 : at->order;
    pthread_mutex_unlock(&venue->ex->lock);
    return order;
}

/* ---- how an order stands ---- */

static uint32_t end_of(const char *status) {
    static const struct {
        const char *status;
        uint32_t news;
    } ends[] = {{"CANCELED", PERP_NEWS_CANCELLED},
                {"EXPIRED", PERP_NEWS_EXPIRED},
                {"REJECTED", PERP_NEWS_REJECTED}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (strcmp(status, ends[i].status) == 0)
            return ends[i].news;
    return PERP_NEWS_ACCEPTED; /* FILLED: the book sees it by the fills */
}

static void tell_accepted(executor *ex, const perp_order_info *info, int64_t exchange_id) {
    char text[24];
    perp_order_news news;
    perp_call call = ex_call();
    snprintf(text, sizeof text, "%lld", (long long)exchange_id);
    perp_order_news_init(&news);
    news.order = info->order;
    news.exchange_id = text;
    ex_ok(ex, perp_orders_tell(ex->orders, &call, &news, NULL), "accepted");
}

void ex_learn(ex_venue *venue, const ex_said *said) {
    executor *ex = venue->ex;
    perp_order_info info = {.struct_size = sizeof info};
    uint64_t number = 0;
    uint32_t end = end_of(said->status);
    if (perp_orders_find(ex->orders, said->client_id, &number) != PERP_OK ||
        perp_orders_get(ex->orders, number, &info) != PERP_OK) {
        ex_know(venue, said->exchange_id, EX_NOBODYS);
        return;
    }
    ex_know(venue, said->exchange_id, number);
    /* News from the stream may be old: it takes nothing out of doubt. */
    bool opens = info.state == PERP_ORDER_NEW || (info.state == PERP_ORDER_IN_DOUBT && said->fresh);
    if (end != PERP_NEWS_REJECTED && (opens || info.exchange_id[0] == '\0'))
        tell_accepted(ex, &info, said->exchange_id);
    if (info.state >= PERP_ORDER_FILLED)
        return;
    pthread_mutex_lock(&ex->lock);
    ex_order *order = ex_order_of(ex, number, true);
    if (order != NULL) {
        order->is_there = true;
        order->wants_ask = order->wants_ask && !said->fresh;
        if (said->executed > order->executed)
            order->executed = said->executed;
        if (end != PERP_NEWS_ACCEPTED)
            order->end = end;
    }
    pthread_mutex_unlock(&ex->lock);
    ex_poke(ex, &info.job_id);
}

/* ---- trades and ends ---- */

bool ex_tell_fill(ex_venue *venue, const ex_trade *trade) {
    executor *ex = venue->ex;
    char id[24];
    perp_order_news news;
    perp_order_outcome outcome = {.struct_size = sizeof outcome};
    perp_call call = ex_call();
    snprintf(id, sizeof id, "%lld", (long long)trade->id);
    perp_order_news_init(&news);
    news.kind = PERP_NEWS_FILL;
    news.order = trade->order;
    news.client_id = trade->order == 0 ? trade->client_id : NULL;
    news.fill_id = id;
    news.quantity = trade->quantity;
    news.price = trade->price;
    news.fee = trade->fee;
    news.pnl = trade->pnl;
    news.has_pnl = 1;
    news.time_ns = trade->time_ms * EX_MS;
    perp_status status = perp_orders_tell(ex->orders, &call, &news, &outcome);
    if (status == PERP_E_EXISTS) {
        ex->counts.repeated++;
        return true;
    }
    if (status == PERP_E_NOT_FOUND) {
        ex->counts.strangers++;
        return false;
    }
    if (status == PERP_E_CONFLICT)
        ex->counts.conflicts++;
    perp_order_info info = {.struct_size = sizeof info};
    if (!ex_ok(ex, status, "fill") || perp_orders_get(ex->orders, outcome.order, &info) != PERP_OK)
        return false;
    ex->counts.fills++;
    ex_naked_look(ex, &info.job_id);
    ex_poke(ex, &info.job_id);
    return true;
}

void ex_tell_unknown(executor *ex, uint64_t order) {
    perp_order_news news;
    perp_call call = ex_call();
    perp_order_news_init(&news);
    news.kind = PERP_NEWS_UNKNOWN;
    news.order = order;
    perp_status status = perp_orders_tell(ex->orders, &call, &news, NULL);
    if (status != PERP_E_EXISTS)
        ex_ok(ex, status, "unknown");
}

void ex_tell_end(executor *ex, const ex_order *order) {
    perp_order_news news;
    perp_call call = ex_call();
    perp_order_news_init(&news);
    news.kind = order->end;
    news.order = order->order;
    news.text = order->text[0] == '\0' ? NULL : order->text;
    perp_status status = perp_orders_tell(ex->orders, &call, &news, NULL);
    if (status != PERP_E_EXISTS)
        ex_ok(ex, status, "end");
    ex_naked_look(ex, &order->job_id);
}
