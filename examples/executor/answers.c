/* What a venue answers. An answer that did not come, or that says nothing, is no refusal: the order
   is in doubt, and is asked for by its client id. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor.h"

#define SOON_NS (200 * EX_MS)
#define DOWN_AFTER 3              /* answers that did not come */
#define MOST_REPORT_NS (EX_S / 2) /* a report that took longer says little about its time */
#define MOST_ROWS 1000

enum { ALREADY_USED = -4116, NOT_THERE = -2013, WOULD_TAKE = -5022 };

static int code_of(const cJSON *json) {
    return (int)ex_number(json, "code");
}

/* ---- whether it is there at all ---- */

static void tell_status(ex_venue *venue, uint32_t api) {
    perp_exchange_status status = {.exchange = venue->id, .api = api, .time_ns = ex_now()};
    perp_market_on_status(venue->ex->market, &status);
}

static void note_health(ex_venue *venue, const ex_request *request, long status,
                        const cJSON *json) {
    bool answered = status != 0 && json != NULL;
    if (status == 429 || status == 418)
        venue->quiet_until_ns =
            request->came_ns + (request->retry_after_s > 0 ? request->retry_after_s : 1) * EX_S;
    if (answered) {
        venue->failures = 0;
        if (atomic_exchange(&venue->is_down, false))
            tell_status(venue, PERP_API_UP);
    } else if (++venue->failures >= DOWN_AFTER && !atomic_exchange(&venue->is_down, true)) {
        tell_status(venue, PERP_API_DOWN);
    }
}

/* ---- orders ---- */

static void learn(ex_venue *venue, const cJSON *json, bool fresh) {
    ex_said said = {.client_id = ex_text(json, "clientOrderId"),
                    .exchange_id = (int64_t)ex_number(json, "orderId"),
                    .status = ex_text(json, "status"),
                    .executed = ex_number(json, "executedQty"),
                    .fresh = fresh};
    ex_learn(venue, &said);
}

/* It ended without ever being in the market; why, begins with the exchange's code. Under the lock.
 */
static void refused(ex_order *order, uint32_t news, const cJSON *json, const char *otherwise) {
    order->end = news;
    if (code_of(json) != 0)
        snprintf(order->text, sizeof order->text, "%d %s", code_of(json), ex_text(json, "msg"));
    else
        snprintf(order->text, sizeof order->text, "%s", otherwise);
}

/* What an order's request came to, where the answer was not the order. Under the lock. True: the
   book must be told that nobody knows. */
static bool placed_badly(ex_order *order, long status, const cJSON *json) {
    ex_counts *counts = &order->venue->ex->counts;
    int code = code_of(json);
    if (status == 429 || (status >= 400 && status < 500 && code < 0 && code != ALREADY_USED)) {
        refused(order, code == WOULD_TAKE ? PERP_NEWS_DECLINED : PERP_NEWS_REJECTED, json,
                "refused");
        return false;
    }
    counts->duplicates += code == ALREADY_USED;
    counts->lost++;
    order->wants_ask = true;
    order->ask_ns = 0;
    return true;
}

static void asked_badly(ex_order *order, const ex_request *request, const cJSON *json) {
    bool certain = request->sent_ns > order->placed_ns + EX_CERTAIN_NS;
    order->wants_ask = true;
    order->ask_ns = request->came_ns + SOON_NS;
    if (code_of(json) != NOT_THERE || order->is_there || !certain)
        return;
    order->venue->ex->counts.not_there++;
    refused(order, PERP_NEWS_REJECTED, NULL, "not found there");
}

static void cancelled_badly(ex_order *order, const ex_request *request, const cJSON *json) {
    order->venue->ex->counts.late_cancels += json != NULL;
    order->wants_ask = true; /* filled meanwhile, or not known there yet */
    order->ask_ns = request->came_ns;
}

static void on_order(ex_venue *venue, const ex_request *request, long status, const cJSON *json) {
    executor *ex = venue->ex;
    bool good = status == 200 && json != NULL, unknown = false;
    perp_uuid job_id = {{0}};
    pthread_mutex_lock(&ex->lock);
    ex_order *order = ex_order_of(ex, request->order, false);
    if (order != NULL) {
        job_id = order->job_id;
        order->busy &= ~(1u << request->kind);
        if (!good && request->kind == EX_PLACE)
            unknown = placed_badly(order, status, json);
        else if (!good && request->kind == EX_ASK)
            asked_badly(order, request, json);
        else if (!good && request->kind == EX_CANCEL)
            cancelled_badly(order, request, json);
    }
    pthread_mutex_unlock(&ex->lock);
    if (unknown)
        ex_tell_unknown(ex, request->order);
    if (good)
        learn(venue, json, true);
    if (good && request->kind == EX_PLACE) {
        perp_latency latency = {.exchange = venue->id,
                                .time_ns = request->came_ns,
                                .ms = (double)(request->came_ns - request->sent_ns) / 1e6};
        perp_market_on_latency(ex->market, &latency);
    }
    if (order != NULL)
        ex_poke(ex, &job_id);
}

/* ---- the account ---- */

/* What an account shows is held against the fills that the book has. So that it has all of those in
   the report, the trades are asked for in between: else it would have to guess whose they are. */
static void report_account(ex_venue *venue) {
    executor *ex = venue->ex;
    if (venue->report.n_positions == 0)
        return;
    for (uint32_t i = 0; i < venue->n_instruments; i++)
        if (venue->instruments[i].swept_ns <= venue->report_came_ns)
            return;
    perp_call call = ex_call();
    perp_status said = perp_account(ex->core, &call, &venue->report);
    venue->report.n_positions = 0;
    if (said != PERP_E_STALE && ex_ok(ex, said, "account"))
        venue->reports++;
}

static void on_account(ex_venue *venue, const ex_request *request, long status, const cJSON *json) {
    perp_account_report *report = &venue->report;
    const cJSON *row;
    venue->asks_account = false;
    for (uint32_t i = 0; i < venue->n_instruments; i++)
        ex_ask_trades(venue, i);
    if (status != 200 || request->came_ns - request->sent_ns > MOST_REPORT_NS)
        return;
    perp_account_report_init(report);
    report->exchange = venue->id;
    report->time_ns = request->sent_ns + (request->came_ns - request->sent_ns) / 2;
    report->has_equity = 1;
    report->equity = ex_money(json, "totalMarginBalance");
    report->positions = venue->positions;
    venue->report_came_ns = request->came_ns;
    cJSON_ArrayForEach(
        row, cJSON_GetObjectItemCaseSensitive(
                 json, "positions")) for (uint32_t i = 0; i < venue->n_instruments;
                                          i++) if (strcmp(venue->instruments[i].symbol,
                                                          ex_text(row, "symbol")) == 0 &&
                                                   report->n_positions < venue->n_instruments)
        venue->positions[report->n_positions++] =
        (perp_position_report){.instrument = venue->instruments[i].id,
                               .margin_mode = PERP_MARGIN_NOT_GIVEN,
                               .quantity = ex_number(row, "positionAmt"),
                               .entry_price = ex_number(row, "entryPrice"),
                               .leverage = ex_number(row, "leverage")};
}

/* ---- trades ---- */

static ex_trade read_trade(const cJSON *row) {
    return (ex_trade){.id = (int64_t)ex_number(row, "id"),
                      .quantity = ex_number(row, "qty"),
                      .price = ex_number(row, "price"),
                      .fee = ex_money(row, "commission"),
                      .pnl = ex_money(row, "realizedPnl"),
                      .time_ms = (int64_t)ex_number(row, "time")};
}

static void on_trades(ex_venue *venue, const ex_request *request, long status, const cJSON *json) {
    const cJSON *row;
    perp_uuid job_id = {{0}};
    if (status == 200)
        cJSON_ArrayForEach(row, json) {
            ex_trade trade = read_trade(row);
            trade.order = request->order;
            ex_tell_fill(venue, &trade);
        }
    pthread_mutex_lock(&venue->ex->lock);
    ex_order *order = ex_order_of(venue->ex, request->order, false);
    if (order != NULL) {
        job_id = order->job_id;
        order->busy &= ~(1u << EX_TRADES);
    }
    pthread_mutex_unlock(&venue->ex->lock);
    if (order != NULL)
        ex_poke(venue->ex, &job_id);
}

static void find_order(ex_venue *venue, uint32_t instrument, int64_t exchange_id) {
    ex_request request = {.kind = EX_FIND, .method = "GET", .instrument = instrument};
    snprintf(request.path, sizeof request.path, "/fapi/v1/order?symbol=%s&orderId=%lld",
             venue->instruments[instrument].symbol, (long long)exchange_id);
    ex_http_send(venue->http, &request);
}

/* All trades since the last that is known to be booked, in their order. One whose order is not
   known yet stops it: the exchange is asked which one that is. */
static void on_sweep(ex_venue *venue, const ex_request *request, long status, const cJSON *json) {
    ex_instrument *instrument = &venue->instruments[request->instrument];
    int64_t before = instrument->cursor;
    const cJSON *row;
    bool stopped = false;
    venue->asks_trades[request->instrument] = false;
    if (status != 200 || !cJSON_IsArray(json))
        return;
    cJSON_ArrayForEach(row, json) {
        ex_trade trade = read_trade(row);
        int64_t exchange_id = (int64_t)ex_number(row, "orderId");
        trade.order = ex_known_order(venue, exchange_id);
        if (trade.order == 0) {
            find_order(venue, request->instrument, exchange_id);
            stopped = true;
            break;
        }
        if (trade.order != EX_NOBODYS && !ex_tell_fill(venue, &trade))
            ex_log("%s %s: trade %lld is of an order that is no longer kept", venue->name,
                   instrument->symbol, (long long)trade.id);
        instrument->cursor = trade.id;
    }
    if (instrument->cursor != before)
        ex_cursors_write(venue);
    if (stopped)
        return;
    if (cJSON_GetArraySize(json) < MOST_ROWS) {
        venue->sweeps++;
        instrument->swept_ns = request->sent_ns;
    }
    if (venue->report.n_positions > 0 && instrument->swept_ns <= venue->report_came_ns)
        ex_ask_trades(venue, request->instrument);
    report_account(venue);
}

static void on_found(ex_venue *venue, const ex_request *request, long status, const cJSON *json) {
    (void)request;
    if (status == 200 && json != NULL)
        learn(venue, json, true);
}

/* ---- all that is open ---- */

static void cancel_directly(ex_venue *venue, const cJSON *row) {
    ex_request request = {.kind = EX_FIND, .method = "DELETE"};
    snprintf(request.path, sizeof request.path,
             "/fapi/v1/order?symbol=%.31s&origClientOrderId=%.63s", ex_text(row, "symbol"),
             ex_text(row, "clientOrderId"));
    ex_http_send(venue->http, &request);
}

/* Orders that had ended here and are listed there: cancelled, if they are ours at all. */
static void take_back(ex_venue *venue, const cJSON *json, const perp_reconciled *found) {
    for (uint32_t i = 0; i < found->n_foreign && i < found->foreign_capacity; i++) {
        const cJSON *row = cJSON_GetArrayItem(json, (int)found->foreign[i]);
        uint64_t order;
        venue->ex->counts.foreign++;
        if (perp_orders_find(venue->ex->orders, ex_text(row, "clientOrderId"), &order) == PERP_OK)
            cancel_directly(venue, row);
    }
}

static void on_open(ex_venue *venue, const ex_request *request, long status, const cJSON *json) {
    executor *ex = venue->ex;
    venue->asks_open = false;
    if (status != 200 || !cJSON_IsArray(json))
        return;
    uint32_t n = 0, foreign[64];
    const char **ids = calloc((size_t)cJSON_GetArraySize(json) + 1, sizeof *ids);
    if (ids == NULL)
        abort();
    const cJSON *row;
    cJSON_ArrayForEach(row, json) {
        ids[n++] = ex_text(row, "clientOrderId");
        learn(venue, row, false);
    }
    perp_reconciled found;
    perp_call call = ex_call();
    perp_reconciled_init(&found);
    found.foreign = foreign;
    found.foreign_capacity = sizeof foreign / sizeof *foreign;
    if (ex_ok(ex,
              perp_orders_reconcile(ex->orders, &call, venue->id, request->sent_ns, ids, n, &found),
              "reconcile orders")) {
        take_back(venue, json, &found);
        venue->matches++;
    }
    free(ids);
    ex_poke_all(ex);
}

void ex_venue_answer(ex_venue *venue, ex_request *request, long status, const cJSON *json) {
    typedef void handler(ex_venue *, const ex_request *, long, const cJSON *);
    static handler *const handlers[] = {
        [EX_PLACE] = on_order,     [EX_ASK] = on_order,   [EX_CANCEL] = on_order,
        [EX_TRADES] = on_trades,   [EX_SWEEP] = on_sweep, [EX_OPEN] = on_open,
        [EX_ACCOUNT] = on_account, [EX_FIND] = on_found};
    note_health(venue, request, status, json);
    handlers[request->kind](venue, request, status, json);
}
