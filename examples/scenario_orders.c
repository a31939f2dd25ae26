/* The ops of orders. */
#include "scenario.h"

#include <stdlib.h>
#include <string.h>

#define IN_STATE(name) (1U << PERP_JOB_##name)

/* What no list has: the library says so, once it has looked for what the line addresses. */
#define UNKNOWN 250u

static perp_orders *orders_of(const struct line *line) {
    return perp_core_orders(line->run->core);
}

static uint32_t word(const struct line *line, const char *name, const char *(*text_of)(uint32_t),
                     uint32_t count, uint32_t fallback) {
    const char *text = line_text(line, name);
    if (!text)
        return fallback;
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(text_of(i), text) == 0)
            return i;
    return UNKNOWN;
}

void scenario_place(struct line *line) {
    perp_order_request request;
    perp_order_answer answer;
    perp_order_request_init(&request);
    perp_order_answer_init(&answer);
    request.job_id = line_uuid(line, "job_id");
    request.leg = (uint32_t)line_integer(line, "leg", 0, UINT32_MAX, 0);
    request.type = word(line, "type", perp_order_type_string, PERP_ORDER_TYPE_COUNT, UNKNOWN);
    request.tif = word(line, "tif", perp_tif_string, PERP_TIF_COUNT, PERP_TIF_DEFAULT);
    request.price = line_number(line, "price", 0);
    request.quantity = line_number(line, "quantity", 0);
    request.reduce_only = line_flag(line, "reduce_only");
    line_addresses_job(line, &request.job_id, IN_STATE(RUNNING) | IN_STATE(IN_DOUBT));
    if (!line_ready(line) ||
        !line_did(line, perp_orders_place(orders_of(line), &line->call, &request, &answer)))
        return;
    if (answer.gate != PERP_GATE_NONE) {
        put_text(line, line->answer, "refused", perp_gate_string(answer.gate));
        put_number(line, line->answer, "asked", answer.asked);
        put_number(line, line->answer, "limit", answer.limit);
        return;
    }
    put_count(line, line->answer, "order", answer.order);
    put_text(line, line->answer, "client_id", answer.client_id);
}

void scenario_on_order(struct line *line) {
    perp_order_news news;
    perp_order_outcome outcome = {.struct_size = sizeof outcome};
    perp_order_news_init(&news);
    news.kind = word(line, "kind", perp_news_string, PERP_NEWS_COUNT, UNKNOWN);
    news.order = (uint64_t)line_integer(line, "order", 0, INT64_MAX, 0);
    news.client_id = line_text(line, "client_id");
    news.exchange_id = line_text(line, "exchange_id");
    news.fill_id = line_text(line, "fill_id");
    news.text = line_text(line, "text");
    news.quantity = line_number(line, news.kind == PERP_NEWS_TOTAL ? "filled" : "quantity", 0);
    news.price = line_number(line, "price", 0);
    news.fee = line_rounded_money(line, "fee", 0);
    news.has_pnl = line_has(line, "pnl");
    news.pnl = line_rounded_money(line, "pnl", 0);
    news.time_ns = line_time_ns(line, "fill_t", PERP_TIME_NONE);
    if (!line_ready(line) ||
        !line_did(line, perp_orders_tell(orders_of(line), &line->call, &news, &outcome)))
        return;
    put_text(line, line->answer, "state", perp_order_state_string(outcome.state));
    if (outcome.finished)
        put_text(line, line->answer, "finished", perp_job_state_string(outcome.becomes));
}

void scenario_cancel_sent(struct line *line) {
    uint64_t order = (uint64_t)line_integer(line, "order", 0, INT64_MAX, 0);
    if (line_ready(line))
        (void)line_did(line, perp_orders_cancel_sent(orders_of(line), &line->call, order));
}

static const char *text_or_null(const char *text) {
    return text[0] ? text : NULL;
}

void scenario_order(struct line *line) {
    perp_order_info info = {.struct_size = sizeof info};
    uint64_t order = (uint64_t)line_integer(line, "order", 0, INT64_MAX, 0);
    if (!line_ready(line) || !line_did(line, perp_orders_get(orders_of(line), order, &info)))
        return;
    put_count(line, line->answer, "order", info.order);
    put_text(line, line->answer, "client_id", info.client_id);
    put_uuid(line, line->answer, "job_id", &info.job_id);
    put_count(line, line->answer, "leg", info.leg);
    put_count(line, line->answer, "attempt", info.attempt);
    put_text(line, line->answer, "type", perp_order_type_string(info.type));
    put_text(line, line->answer, "tif", perp_tif_string(info.tif));
    put_number(line, line->answer, "quantity", info.quantity);
    put_flag(line, line->answer, "reduce_only", info.reduce_only);
    put_text(line, line->answer, "state", perp_order_state_string(info.state));
    put_number(line, line->answer, "filled", info.filled);
    if (info.filled > 0)
        put_number(line, line->answer, "price", info.price);
    else
        put_text(line, line->answer, "price", NULL);
    put_number(line, line->answer, "limit_price", info.limit_price);
    put_money(line, line->answer, "volume", info.volume);
    put_money(line, line->answer, "fees", info.fees);
    put_money(line, line->answer, "pnl", info.pnl);
    put_text(line, line->answer, "exchange_id", text_or_null(info.exchange_id));
    put_flag(line, line->answer, "cancel_requested", info.cancel_requested);
    put_flag(line, line->answer, "overfilled", info.overfilled);
    put_text(line, line->answer, "text", text_or_null(info.text));
}

static void put_numbers(struct line *line, const char *name, const uint64_t *numbers, uint32_t n) {
    cJSON *list = put_list(line, line->answer, name);
    for (uint32_t i = 0; i < n; i++)
        add_number(line, list, (double)numbers[i]);
}

void put_orders(struct line *line, const char *name, const perp_order_filter *filter) {
    uint32_t count = 0, n = 0;
    if (!line_did(line, perp_orders_list(orders_of(line), filter, NULL, 0, &count)))
        return;
    uint64_t *numbers = calloc((size_t)count + 1, sizeof *numbers);
    if (!numbers)
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
    else if (line_did(line, perp_orders_list(orders_of(line), filter, numbers, count, &n)))
        put_numbers(line, name, numbers, n < count ? n : count);
    free(numbers);
}

void scenario_orders(struct line *line) {
    perp_order_filter filter;
    perp_order_filter_init(&filter);
    filter.state =
        line_choice(line, "state", perp_order_state_string, PERP_ORDER_STATE_COUNT, PERP_NO_ID);
    filter.has_job = line_has(line, "job_id");
    filter.job_id = line_uuid(line, "job_id");
    if (line_ready(line))
        put_orders(line, "orders", &filter);
}

void scenario_settled(struct line *line) {
    perp_uuid job_id = line_uuid(line, "job_id");
    line_addresses_job(line, &job_id, IN_STATE(IN_DOUBT));
    if (line_ready(line))
        (void)line_did(line, perp_orders_settled(orders_of(line), &line->call, &job_id));
}

static const char **read_ids(struct line *line, uint32_t *n) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(line->json, "client_ids");
    const cJSON *item;
    const char **ids = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *ids);
    *n = 0;
    if (!ids)
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
    cJSON_ArrayForEach(item, list) {
        if (!ids)
            break;
        if (!cJSON_IsString(item))
            (void)line_fail(line, PERP_E_INVALID, "client_ids[%u]: must be a string", *n);
        ids[(*n)++] = cJSON_IsString(item) ? item->valuestring : "";
    }
    return ids;
}

static void reconcile(struct line *line, perp_exchange_id exchange, const char *const *ids,
                      uint32_t n) {
    perp_orders_state state = {.struct_size = sizeof state};
    perp_reconciled out;
    perp_reconciled_init(&out);
    if (!line_did(line, perp_orders_query(orders_of(line), line->call.now_ns, &state)))
        return;
    out.capacity = state.open;
    out.foreign_capacity = n;
    out.in_doubt = calloc((size_t)state.open + 1, sizeof *out.in_doubt);
    out.foreign = calloc((size_t)n + 1, sizeof *out.foreign);
    if (!out.in_doubt || !out.foreign) {
        (void)line_fail(line, PERP_E_NOMEM, "no memory");
    } else if (line_did(line, perp_orders_reconcile(orders_of(line), &line->call, exchange,
                                                    line_time_ns(line, "at", line->call.now_ns),
                                                    ids, n, &out))) {
        put_numbers(line, "in_doubt", out.in_doubt, out.n_in_doubt);
        cJSON *foreign = put_list(line, line->answer, "foreign");
        for (uint32_t i = 0; i < out.n_foreign; i++)
            add_text(line, foreign, ids[out.foreign[i]]);
    }
    free(out.in_doubt);
    free(out.foreign);
}

void scenario_reconcile_orders(struct line *line) {
    perp_exchange_id exchange = line_exchange(line);
    uint32_t n;
    const char **ids = read_ids(line, &n);
    if (line_ready(line))
        reconcile(line, exchange, ids, n);
    free(ids);
}
