/* Placing: what a host asks for becomes an order, or a refusal of the gate. */
#include "orders/orders.h"

#include <math.h>
#include <string.h>

#include "util/json.h"
#include "util/num.h"
#include "util/sized.h"

void perp_order_request_init(perp_order_request *request) {
    if (!request)
        return;
    memset(request, 0, sizeof *request);
    request->struct_size = sizeof *request;
    request->type = PERP_ORDER_LIMIT;
    request->tif = PERP_TIF_DEFAULT;
}

void perp_order_answer_init(perp_order_answer *answer) {
    if (!answer)
        return;
    memset(answer, 0, sizeof *answer);
    answer->struct_size = sizeof *answer;
}

/* A call that places, under way. */
struct placing {
    perp_core *core;
    struct perp_decision *d;
    const struct perp_order_row *placed[PERP_MAX_PLACED];
    uint32_t n_placed;
    uint32_t attempts;  /* of the leg that the request at hand is of */
    uint64_t exchanges; /* whose `due` is known, as bits */
    int64_t due[PERP_MAX_EXCHANGES];
};

/* Not its lists: only what is in them is read. */
static void begin(struct placing *p, perp_core *core, struct perp_decision *d) {
    p->core = core;
    p->d = d;
    p->n_placed = p->attempts = 0;
    p->exchanges = 0;
}

static perp_status invalid(const perp_core *core, const char *field, double value,
                           const char *what) {
    return perp_fail(core, PERP_E_INVALID, "order.%s: %.17g %s", field, value, what);
}

/* What of a request is wrong whatever the book says. */
static perp_status check(const perp_core *core, const perp_order_request *request) {
    bool market = request->type == PERP_ORDER_MARKET;
    if (request->reserved != 0)
        return invalid(core, "reserved", request->reserved, "must be 0");
    if (request->type >= PERP_ORDER_TYPE_COUNT)
        return invalid(core, "type", request->type, "is not known");
    if (request->tif >= PERP_TIF_COUNT && request->tif != PERP_TIF_DEFAULT)
        return invalid(core, "tif", request->tif, "is not known");
    if (market && request->tif != PERP_TIF_DEFAULT && request->tif != PERP_TIF_IOC)
        return perp_fail(core, PERP_E_INVALID, "order.tif: %s of a market order, which has ioc",
                         perp_tif_string(request->tif));
    if (request->reduce_only > 1)
        return invalid(core, "reduce_only", request->reduce_only, "is not 0 or 1");
    if (!perp_positive(request->quantity))
        return invalid(core, "quantity", request->quantity, "is not a finite number above 0");
    if (market && request->price != 0)
        return invalid(core, "price", request->price, "of a market order");
    if (!market && !perp_positive(request->price))
        return invalid(core, "price", request->price, "is not a finite number above 0");
    return PERP_OK;
}

static perp_status find(const perp_core *core, const perp_order_request *request,
                        struct perp_job_entry **job) {
    *job = perp_job_find(core, &request->job_id);
    if (!*job || ((*job)->state != PERP_JOB_RUNNING && (*job)->state != PERP_JOB_IN_DOUBT)) {
        char id[37];
        perp_uuid_format(&request->job_id, id);
        return perp_fail(core, PERP_E_NOT_FOUND, "job_id: %s does not run", id);
    }
    if (request->leg >= (*job)->n_legs)
        return perp_fail(core, PERP_E_NOT_FOUND, "leg: %u, the job has %u", request->leg,
                         (*job)->n_legs);
    return PERP_OK;
}

static uint32_t attempts_of(const struct placing *p, const struct perp_job_entry *job,
                            uint32_t leg) {
    uint32_t n = perp_leg_attempts(job, leg);
    for (uint32_t i = 0; i < p->n_placed; i++)
        n += p->placed[i]->leg == leg &&
             memcmp(&p->placed[i]->job_id, &job->id, sizeof job->id) == 0;
    return n;
}

static perp_status check_job(struct placing *p, const struct perp_job_entry *job, uint32_t leg) {
    const perp_core *core = p->core;
    p->attempts = attempts_of(p, job, leg);
    if (job->run->by_legs && !perp_job_has_orders(job))
        return perp_fail(core, PERP_E_INVALID, "job_id: its progress is told by legs");
    if (p->attempts >= PERP_MAX_ATTEMPTS)
        return perp_fail(core, PERP_E_INVALID, "leg: it had %u orders", PERP_MAX_ATTEMPTS);
    if (job->state == PERP_JOB_IN_DOUBT)
        return perp_fail(core, PERP_E_STATE, "job_id: it is in doubt: settle it first");
    if (job->run->waits_turn)
        return perp_fail(core, PERP_E_STATE, "job_id: it was not handed over yet");
    return PERP_OK;
}

static int64_t due_of(struct placing *p, perp_exchange_id exchange) {
    if (!(p->exchanges >> exchange & 1))
        p->due[exchange] = p->core->exchanges[exchange].order_due;
    p->exchanges |= UINT64_C(1) << exchange;
    return p->due[exchange];
}

static void fill_row(const struct placing *p, const perp_order_request *request,
                     const struct perp_job_entry *job, struct perp_order_row *row) {
    const struct perp_job_leg *leg = &job->legs[request->leg];
    const perp_exchange_spec *exchange = &p->core->exchanges[leg->exchange].spec;
    perp_row_preset(perp_row_order(), row);
    row->id = p->core->orders->next_order + p->n_placed;
    row->job_id = job->id;
    row->leg = request->leg;
    row->attempt = p->attempts + 1;
    row->instrument = leg->instrument;
    row->side = leg->side;
    row->type = request->type;
    row->tif = request->tif != PERP_TIF_DEFAULT     ? request->tif
               : request->type == PERP_ORDER_MARKET ? (uint32_t)PERP_TIF_IOC
                                                    : (uint32_t)PERP_TIF_GTC;
    row->price = request->price;
    row->quantity = request->quantity;
    row->reduce_only = request->reduce_only || job->run->reduce_only;
    row->placed = p->d->now;
    perp_client_id_of(exchange, &job->id, row->leg, row->attempt, row->id, row->client_id);
}

/* A number of 32 bits that came round, or prefixes that make two of them one. */
static bool is_taken(const struct placing *p, const char *client_id) {
    for (uint32_t i = 0; i < p->n_placed; i++)
        if (strcmp(p->placed[i]->client_id, client_id) == 0)
            return true;
    return perp_order_by_client(p->core, client_id) != NULL;
}

/* What was asked and what would have passed, for people; NULL: no memory. */
static char *refusal_json(const struct perp_order_row *row,
                          const struct perp_gate_refusal *refusal) {
    cJSON *json = cJSON_CreateObject();
    bool made = json && perp_json_add_uint64(json, "leg", row->leg) &&
                perp_json_add_double(json, "quantity", row->quantity) &&
                perp_json_add_double(json, "price", row->price > 0 ? row->price : (double)NAN) &&
                perp_json_add_double(json, "asked", refusal->asked) &&
                perp_json_add_double(json, "limit", refusal->limit) &&
                cJSON_AddStringToObject(json, "unit", perp_gate_unit(refusal->gate));
    char *text = made ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    return text;
}

/* One request, once the batch is begun. */
static perp_status decide(struct placing *p, const perp_order_request *request,
                          struct perp_job_entry *job, perp_order_answer *answer) {
    perp_core *core = p->core;
    const struct perp_job_leg *leg = &job->legs[request->leg];
    struct perp_order_row *row = perp_batch_memory(core, sizeof *row);
    if (!row)
        return perp_fail(core, PERP_E_NOMEM, "no memory for the order: nothing was changed");
    fill_row(p, request, job, row);
    struct perp_gate_view view = {.core = core,
                                  .job = job,
                                  .leg = leg,
                                  .instrument = &perp_instrument_at(core, leg->instrument)->spec,
                                  .order = row,
                                  .before = p->placed,
                                  .n_before = p->n_placed,
                                  .due = due_of(p, leg->exchange),
                                  .now = p->d->now};
    struct perp_gate_refusal refusal;
    perp_gate_look(&view, &refusal);
    answer->gate = refusal.gate;
    answer->asked = refusal.asked;
    answer->limit = refusal.limit;
    if (refusal.gate != PERP_GATE_NONE) {
        perp_put_order_refused(core, &(struct perp_ev_order_refused){.job = job->id,
                                                                     .leg = request->leg,
                                                                     .gate = refusal.gate,
                                                                     .asked = refusal.asked,
                                                                     .limit = refusal.limit});
        if (perp_batch_has_store(core))
            perp_batch_detail(core, refusal_json(row, &refusal));
        return PERP_OK;
    }
    if (is_taken(p, row->client_id))
        return perp_fail(core, PERP_E_CONFLICT, "order: the client id %s is taken", row->client_id);
    perp_put_place(core, &(struct perp_ev_place){.job = job->id,
                                                 .order = *row,
                                                 .repeats = core->config.orders.repeat_limit > 0 &&
                                                            !row->reduce_only});
    p->due[leg->exchange] =
        perp_rate_taken(&core->exchanges[leg->exchange].spec, p->due[leg->exchange], p->d->now);
    p->placed[p->n_placed++] = row;
    answer->order = row->id;
    memcpy(answer->client_id, row->client_id, sizeof answer->client_id);
    return PERP_OK;
}

static perp_status take_request(const perp_core *core, const perp_order_request *given,
                                perp_order_request *request) {
    perp_order_request_init(request);
    if (!perp_struct_in(request, sizeof *request, given))
        return perp_fail(core, PERP_E_INVALID, "order: struct_size %u is not known",
                         given->struct_size);
    return PERP_OK;
}

/* Quotes that the host keeps itself are asked for before the lock is taken. */
static void pull(perp_core *core, const perp_call *call, const perp_order_request *requests,
                 uint32_t n) {
    perp_instrument_id ids[PERP_MAX_PLACED];
    uint32_t n_ids = 0;
    if (!perp_market_has_source(core->market))
        return;
    perp_lock(core);
    for (uint32_t i = 0; i < n; i++) {
        const struct perp_job_entry *job = perp_job_find(core, &requests[i].job_id);
        if (!job || requests[i].leg >= job->n_legs)
            continue;
        perp_instrument_id id = job->legs[requests[i].leg].instrument;
        if (perp_instrument_at(core, id)->spec.pulled)
            ids[n_ids++] = id;
    }
    perp_unlock(core);
    if (n_ids && call && call->now_ns != PERP_TIME_NONE)
        perp_market_pull(core->market, ids, n_ids, perp_query_time(core, call->now_ns));
}

perp_status perp_orders_place(perp_orders *orders, const perp_call *call,
                              const perp_order_request *given, perp_order_answer *answer) {
    if (!orders || !given || !answer)
        return perp_fail(orders ? orders->core : NULL, PERP_E_INVALID, "place: NULL");
    perp_core *core = orders->core;
    perp_order_request request;
    perp_order_answer full;
    perp_status status = take_request(core, given, &request);
    if (status != PERP_OK)
        return status;
    if (!perp_struct_fits(answer, sizeof *answer))
        return perp_fail(core, PERP_E_INVALID, "answer: struct_size %u is not known",
                         answer->struct_size);
    pull(core, call, &request, 1);
    struct perp_decision d;
    struct placing p;
    begin(&p, core, &d);
    struct perp_job_entry *job;
    perp_order_answer_init(&full);
    perp_decision_open(&d, core, call);
    status = find(core, &request, &job);
    if (status == PERP_OK)
        status = perp_decision_check(&d);
    if (status == PERP_OK)
        status = check(core, &request);
    if (status == PERP_OK)
        status = check_job(&p, job, request.leg);
    if (status == PERP_OK)
        status = perp_decision_begin(&d);
    if (status == PERP_OK)
        status = decide(&p, &request, job, &full);
    full.status = status = perp_decision_close(&d, status);
    if (status == PERP_OK)
        perp_struct_out(answer, &full, sizeof full);
    return status;
}

/* Each is looked at by itself: what is wrong with one is its own answer. */
static perp_status decide_many(struct placing *p, const perp_order_request *requests, uint32_t n,
                               perp_order_answer *full) {
    perp_core *core = p->core;
    perp_status status = perp_decision_check(p->d);
    if (status == PERP_OK)
        status = perp_decision_begin(p->d);
    for (uint32_t i = 0; i < n && status == PERP_OK; i++) {
        struct perp_job_entry *job;
        perp_order_answer_init(&full[i]);
        perp_status own = find(core, &requests[i], &job);
        if (own == PERP_OK)
            own = check(core, &requests[i]);
        if (own == PERP_OK)
            own = check_job(p, job, requests[i].leg);
        if (own == PERP_OK)
            own = decide(p, &requests[i], job, &full[i]);
        full[i].status = own;
        if (own == PERP_E_NOMEM)
            status = own;
    }
    return status;
}

perp_status perp_orders_place_many(perp_orders *orders, const perp_call *call,
                                   const perp_order_request *given, uint32_t n,
                                   perp_order_answer *answers) {
    if (!orders || (n && (!given || !answers)))
        return perp_fail(orders ? orders->core : NULL, PERP_E_INVALID, "place: NULL");
    perp_core *core = orders->core;
    if (n > PERP_MAX_PLACED)
        return perp_fail(core, PERP_E_INVALID, "place: %u at once, at most %d", n, PERP_MAX_PLACED);
    /* Arrays are of this library's structs, or of those of the host's release. */
    perp_order_request requests[PERP_MAX_PLACED];
    perp_order_answer full[PERP_MAX_PLACED];
    const char *from = (const char *)given;
    char *to = (char *)answers;
    for (uint32_t i = 0; i < n; i++) {
        perp_status status =
            take_request(core, (const void *)(from + i * (size_t)given->struct_size), &requests[i]);
        if (status == PERP_OK &&
            !perp_struct_fits(to + i * (size_t)answers->struct_size, sizeof *answers))
            status = perp_fail(core, PERP_E_INVALID, "answers[%u]: struct_size is not known", i);
        if (status != PERP_OK)
            return status;
    }
    pull(core, call, requests, n);
    struct perp_decision d;
    struct placing p;
    begin(&p, core, &d);
    perp_decision_open(&d, core, call);
    perp_status status = decide_many(&p, requests, n, full);
    status = perp_decision_close(&d, status);
    for (uint32_t i = 0; i < n && status == PERP_OK; i++)
        perp_struct_out(to + i * (size_t)answers->struct_size, &full[i], sizeof full[i]);
    return status;
}

perp_status perp_orders_client_id(const perp_orders *orders, perp_exchange_id exchange,
                                  const perp_uuid *job_id, uint32_t leg, uint32_t attempt,
                                  char text[PERP_NAME_SIZE]) {
    if (!orders || !job_id || !text)
        return perp_fail(orders ? orders->core : NULL, PERP_E_INVALID, "client_id: NULL");
    const perp_core *core = orders->core;
    if (exchange >= perp_n_exchanges(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no exchange %u", exchange);
    if (leg >= PERP_MAX_LEGS || attempt < 1 || attempt > PERP_MAX_ATTEMPTS)
        return perp_fail(core, PERP_E_INVALID, "client_id: no order %u of a leg %u", attempt, leg);
    perp_read_begin(core); /* its exchange may be updated */
    perp_client_id_of(&core->exchanges[exchange].spec, job_id, leg, attempt, 0, text);
    perp_read_end(core);
    return PERP_OK;
}

perp_status perp_orders_collar(const perp_orders *orders, perp_instrument_id instrument,
                               uint32_t side, uint32_t reduce_only, int64_t now_ns, double *price) {
    if (!orders || !price)
        return perp_fail(orders ? orders->core : NULL, PERP_E_INVALID, "collar: NULL");
    const perp_core *core = orders->core;
    if (instrument >= perp_n_instruments(core))
        return perp_fail(core, PERP_E_NOT_FOUND, "no instrument %u", instrument);
    if (side >= PERP_SIDE_COUNT || reduce_only > 1)
        return perp_fail(core, PERP_E_INVALID, "collar: side %u, reduce_only %u", side,
                         reduce_only);
    struct perp_market_view market;
    double other;
    perp_read_begin(core);
    int64_t now = perp_query_time(core, now_ns);
    perp_market_read_price(core->market, instrument, now, &market);
    double reference = perp_order_reference(core, &market, now);
    bool known = reference > 0;
    if (known)
        perp_order_collar(core, reference, side, reduce_only != 0, price, &other);
    perp_read_end(core);
    return known ? PERP_OK
                 : perp_fail(core, PERP_E_STATE, "collar: there is no fresh quote or mark");
}
