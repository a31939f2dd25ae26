/* Checkpoints: a head, every row of the book, and a checksum over all of it. */
#include "book/image.h"

#include <string.h>

#include "core/chain.h"

#define IMAGE_VERSION 1

/* ---- Writing ------------------------------------------------------------------------------------
 */

/* A row: its kind, its index, its length, its fields. */
static void write_row(void *user, const struct perp_walked_row *row) {
    struct perp_bytes *to = user;
    struct perp_bytes fields = {.core = to->core};
    perp_row_write(&fields, perp_book_row_type(row->kind), row->row, row->kept);
    perp_bytes_unsigned(to, row->kind);
    perp_bytes_unsigned(to, row->index);
    perp_bytes_unsigned(to, fields.size);
    perp_bytes_put(to, fields.memory, fields.size);
    to->failed |= fields.failed;
    perp_bytes_free(&fields);
}

bool perp_image_write(struct perp_bytes *bytes, const perp_core *core) {
    *bytes = (struct perp_bytes){.core = (perp_core *)(uintptr_t)core};
    perp_bytes_unsigned(bytes, IMAGE_VERSION);
    perp_bytes_unsigned(bytes, core->seq);
    perp_bytes_word(bytes, (uint64_t)perp_clock(core));
    perp_bytes_word(bytes, core->chain);
    perp_book_walk(core, write_row, bytes);
    if (!bytes->failed)
        perp_bytes_word(bytes, perp_chain(PERP_CHAIN_START, bytes->memory, bytes->size));
    return !bytes->failed;
}

/* ---- Reading ------------------------------------------------------------------------------------
 */

/* A row as it is read. */
struct read {
    perp_core *core;
    struct perp_arena *arena;
    uint32_t index;
    const void *row;
    struct perp_kept *kept;
};

/* What came as an event comes back as one, outside of the sequence. */
static bool apply_event(const struct read *read, uint32_t kind) {
    perp_core *core = read->core;
    const struct perp_event event = {.kind = kind,
                                     .seq = core->seq,
                                     .time_ns = PERP_TIME_NONE,
                                     .payload = read->row,
                                     .kept = read->kept};
    const char *what;
    memset(&core->prepared, 0, sizeof core->prepared);
    if (!perp_event_fits(core, &event, &what))
        return false;
    if (!perp_event_prepare(core, &event)) {
        read->arena->failed = true;
        return false;
    }
    perp_event_apply(core, &event);
    return true;
}

/* A row that stands at its place already. */
static bool take(const struct read *read, void *place, size_t size, struct perp_kept **kept) {
    memcpy(place, read->row, size);
    if (perp_kept_set(read->core, kept, read->kept))
        return true;
    read->arena->failed = true;
    return false;
}

static bool of_exchange(const struct read *read) {
    return read->index < perp_n_exchanges(read->core);
}

static bool read_limits(const struct read *read) {
    struct perp_exchange_entry *entry = &read->core->exchanges[read->index];
    const struct perp_exchange_limits *limits = read->row;
    return limits->max_notional >= -1 &&
           take(read, &entry->row, sizeof entry->row, &entry->limits_kept);
}

static bool read_ledger(const struct read *read) {
    perp_capital *capital = read->core->capital;
    bool taken = take(read, &capital->row, sizeof capital->row, &capital->kept);
    read->core->day = capital->day;
    read->core->day_offset = capital->day_offset;
    perp_day_forget(read->core);
    return taken;
}

static bool read_account(const struct read *read) {
    perp_capital *capital = read->core->capital;
    struct perp_account *account = &capital->accounts[read->index];
    if (!take(read, &account->row, sizeof account->row, &account->kept))
        return false;
    capital->equity += account->equity;
    capital->booked += account->today.fees - account->today.pnl;
    capital->starts += account->day_start;
    return true;
}

/* Reservations come in the order of their ids; what they hold of the pools follows from them. */
static bool read_reservation(const struct read *read) {
    perp_core *core = read->core;
    perp_capital *capital = core->capital;
    const struct perp_reservation_row *row = read->row;
    const struct perp_need need = {row->exchange, row->pool, row->reserved};
    uint64_t next_id = capital->next_id;
    if (row->id >= next_id || (!row->has_job && row->in_flight + row->used <= 0) ||
        row->in_flight + row->used > PERP_MOST_USD ||
        row->reserved != row->in_flight + row->used + row->released ||
        (capital->last && row->id <= capital->last->id) || !perp_capital_can_hold(capital, &need))
        return false;
    memset(&core->prepared, 0, sizeof core->prepared);
    if (!perp_capital_prepare_held(core, 1)) {
        read->arena->failed = true;
        return false;
    }
    int64_t last_update = capital->accounts[row->exchange].last_update;
    capital->next_id = row->id;
    struct perp_held *held = perp_capital_hold(core, &need, row->has_job ? &row->job : NULL);
    perp_capital_set(core, held, row->in_flight, row->used, row->released);
    capital->next_id = next_id;
    capital->accounts[row->exchange].last_update = last_update;
    return take(read, &held->row, sizeof held->row, &held->kept);
}

static bool read_key(const struct read *read) {
    perp_core *core = read->core;
    const struct perp_key_row *row = read->row;
    if (perp_key_find(core->capital, row->kind, &row->key))
        return false;
    memset(&core->prepared, 0, sizeof core->prepared);
    if (!perp_capital_prepare_keys(core, row->kind, 1)) {
        read->arena->failed = true;
        return false;
    }
    struct perp_key *key = perp_key_add(core->capital, row);
    return take(read, &key->row, sizeof key->row, &key->kept);
}

static bool read_control(const struct read *read) {
    perp_risk *risk = read->core->risk;
    return take(read, &risk->row, sizeof risk->row, &risk->kept);
}

static bool read_circuit(const struct read *read) {
    struct perp_breaker *circuit = &read->core->risk->circuits[read->index];
    return take(read, &circuit->row, sizeof circuit->row, &circuit->kept);
}

static bool read_blacklisted(const struct read *read) {
    const struct perp_blacklisted_row *row = read->row;
    struct perp_ev_blacklist blacklist = {.on = true};
    memcpy(blacklist.symbol, row->symbol, sizeof blacklist.symbol);
    const struct read event = {read->core, read->arena, 0, &blacklist, NULL};
    if (!apply_event(&event, PERP_EVENT_BLACKLIST))
        return false;
    uint32_t symbol = perp_names_find(&read->core->symbols, row->symbol);
    read->arena->failed |=
        !perp_kept_set(read->core, &read->core->risk->blacklist[symbol].kept, read->kept);
    return !read->arena->failed;
}

static bool read_halted(const struct read *read) {
    const struct perp_halted_row *row = read->row;
    struct perp_ev_halt_instrument halt = {.instrument = row->instrument, .on = true};
    const struct read event = {read->core, read->arena, 0, &halt, NULL};
    if (!apply_event(&event, PERP_EVENT_HALT_INSTRUMENT))
        return false;
    read->arena->failed |=
        !perp_kept_set(read->core, &read->core->risk->notes[row->instrument].kept, read->kept);
    return !read->arena->failed;
}

static bool read_queue(const struct read *read) {
    perp_scheduler *scheduler = read->core->scheduler;
    return take(read, &scheduler->row, sizeof scheduler->row, &scheduler->kept);
}

static bool read_dispatched(const struct read *read) {
    perp_core *core = read->core;
    const struct perp_dispatched_row *row = read->row;
    struct perp_times *times = &core->scheduler->times[row->exchange];
    memset(&core->prepared, 0, sizeof core->prepared);
    if (!perp_times_reserve(core, row->exchange)) {
        read->arena->failed = true;
        return false;
    }
    struct perp_dispatched *dispatched = &times->at[times->first + times->count];
    *dispatched = (struct perp_dispatched){.kept = NULL};
    if (!take(read, &dispatched->row, sizeof dispatched->row, &dispatched->kept))
        return false;
    times->count++;
    return true;
}

/* The list that a job of its state is in; NULL: it waits. */
static struct perp_job_list *list_of(perp_scheduler *scheduler, const struct perp_job_entry *job) {
    switch (job->state) {
    case PERP_JOB_PENDING:
        return NULL;
    case PERP_JOB_RUNNING:
    case PERP_JOB_IN_DOUBT:
        return &scheduler->running;
    case PERP_JOB_OPEN:
    case PERP_JOB_PARTIAL:
        return &scheduler->open;
    default:
        return &scheduler->ended;
    }
}

static bool sound_job(const perp_core *core, const struct perp_ev_submit *job) {
    for (uint32_t i = 0; i < job->n_legs; i++)
        if (job->legs[i].notional > PERP_MOST_NOTIONAL ||
            core->risk->running_notional[perp_instrument_at(core, job->legs[i].instrument)
                                             ->spec.exchange] > INT64_MAX / 2)
            return false;
    return !perp_job_find(core, &job->job.id) && (!job->job.is_repair || job->n_legs == 1) &&
           job->job.priority >= -PERP_MOST_PRIORITY && job->job.priority <= PERP_MOST_PRIORITY &&
           job->job.order < core->scheduler->next_order;
}

static bool read_job(const struct read *read) {
    perp_core *core = read->core;
    perp_scheduler *scheduler = core->scheduler;
    if (!sound_job(core, read->row))
        return false;
    memset(&core->prepared, 0, sizeof core->prepared);
    const struct perp_ev_submit *rows = read->row;
    bool ran = perp_job_rows_ran(rows);
    if (!perp_spare_reserve(core, rows, read->kept) ||
        (ran && !perp_run_reserve(core, rows->n_legs))) {
        read->arena->failed = true;
        return false;
    }
    struct perp_job_entry *job = perp_spare_take(core);
    if (ran)
        perp_run_begin(core, job, rows);
    perp_chains_add(&core->jobs, &job->chained);
    struct perp_job_list *list = list_of(scheduler, job);
    if (list)
        perp_list_add(list, job);
    else
        perp_pending_add(scheduler, job);
    if (list == &scheduler->running) {
        perp_exposure_link(core, job);
        scheduler->n_in_doubt += job->state == PERP_JOB_IN_DOUBT;
        if (job->run->unhedged_since != PERP_TIME_NONE)
            perp_job_link_unhedged(core, job);
    }
    bool ended = list == &scheduler->ended;
    struct perp_base_entry *bases = core->positions->bases;
    for (uint32_t i = 0; job->state == PERP_JOB_PARTIAL && i < job->n_legs; i++)
        bases[job->legs[i].base].n_partial++;
    if (job->is_repair && !ended && list != &scheduler->open) {
        if (bases[job->legs[0].base].repair)
            return false;
        bases[job->legs[0].base].repair = job;
    }
    return true;
}

static bool read_position(const struct read *read) {
    perp_core *core = read->core;
    if (read->index >= perp_n_instruments(core))
        return false;
    struct perp_position_entry *entry = &core->positions->at[read->index];
    return take(read, &entry->row, sizeof entry->row, &entry->kept);
}

/* A lot is of a leg of a job that is there, a repair's where its leg was, too; those of an
   instrument have one sign. */
static bool read_lot(const struct read *read) {
    perp_core *core = read->core;
    const struct perp_lot_row *row = read->row;
    struct perp_job_entry *job = perp_job_find(core, &row->job);
    struct perp_position_entry *entry = &core->positions->at[row->instrument];
    void *lots = entry->lots;
    bool its = job && row->leg < job->n_legs &&
               (job->is_repair
                    ? job->legs[row->leg].base == perp_instrument_at(core, row->instrument)->base
                    : job->legs[row->leg].instrument == row->instrument);
    if (!its || !perp_has_run(job) || row->quantity == 0 || row->price <= 0 ||
        row->used > PERP_MOST_USD)
        return false;
    for (uint32_t i = 0; i < entry->n_lots; i++)
        if ((entry->lots[i].quantity > 0) != (row->quantity > 0) ||
            (entry->lots[i].owner == job && entry->lots[i].leg == row->leg))
            return false;
    bool room =
        perp_grow(core, &lots, &entry->lots_capacity, entry->n_lots + 1, sizeof *entry->lots);
    entry->lots = lots;
    if (!room) {
        read->arena->failed = true;
        return false;
    }
    struct perp_lot *lot = &entry->lots[entry->n_lots];
    *lot = (struct perp_lot){.owner = job};
    if (!take(read, &lot->row, sizeof lot->row, &lot->kept))
        return false;
    entry->n_lots++;
    job->run->n_lots++;
    return true;
}

static bool read_owed(const struct read *read) {
    perp_core *core = read->core;
    const struct perp_lot_row *row = read->row;
    struct perp_position_entry *entry = &core->positions->at[row->instrument];
    void *owed = entry->owed;
    if (row->quantity == 0 || row->price <= 0 || row->used > PERP_MOST_USD ||
        entry->n_owed == PERP_MOST_OWED ||
        (entry->n_owed && (entry->owed[0].quantity > 0) != (row->quantity > 0)))
        return false;
    bool room =
        perp_grow(core, &owed, &entry->owed_capacity, entry->n_owed + 1, sizeof *entry->owed);
    entry->owed = owed;
    if (!room) {
        read->arena->failed = true;
        return false;
    }
    struct perp_lot *lot = &entry->owed[entry->n_owed];
    *lot = (struct perp_lot){.owner = NULL};
    if (!take(read, &lot->row, sizeof lot->row, &lot->kept))
        return false;
    entry->n_owed++;
    return true;
}

static bool read_since(const struct read *read) {
    perp_core *core = read->core;
    const struct perp_since_row *row = read->row;
    struct perp_position_entry *entry = &core->positions->at[row->instrument];
    void *since = entry->since;
    bool room =
        perp_grow(core, &since, &entry->since_capacity, entry->n_since + 1, sizeof *entry->since);
    entry->since = since;
    if (!room) {
        read->arena->failed = true;
        return false;
    }
    struct perp_since *fill = &entry->since[entry->n_since];
    *fill = (struct perp_since){.kept = NULL};
    if (!take(read, &fill->row, sizeof fill->row, &fill->kept))
        return false;
    entry->n_since++;
    return true;
}

static bool read_base(const struct read *read) {
    perp_core *core = read->core;
    if (read->index >= core->bases.count)
        return false;
    struct perp_base_entry *entry = &core->positions->bases[read->index];
    return take(read, &entry->row, sizeof entry->row, &entry->kept);
}

static bool read_desk(const struct read *read) {
    perp_orders *orders = read->core->orders;
    return take(read, &orders->row, sizeof orders->row, &orders->kept);
}

/* Orders come in the order of their numbers, after their jobs. */
static bool read_order(const struct read *read) {
    perp_core *core = read->core;
    const struct perp_order_row *row = read->row;
    const perp_orders *orders = core->orders;
    if (row->id == 0 || row->id >= orders->next_order ||
        (orders->last && row->id <= orders->last->id) || !perp_order_is_sound(core, row) ||
        perp_order_by_client(core, row->client_id))
        return false;
    memset(&core->prepared, 0, sizeof core->prepared);
    if (!perp_order_reserve(core)) {
        read->arena->failed = true;
        return false;
    }
    struct perp_order_entry *order = perp_order_add(core, row);
    return take(read, &order->row, sizeof order->row, &order->kept);
}

/* The trades of an order follow it, the newest first. */
static bool read_trade(const struct read *read) {
    perp_core *core = read->core;
    const struct perp_trade_row *row = read->row;
    struct perp_order_entry *order = perp_order_find(core, row->order);
    if (!order || order->told != PERP_TOLD_FILLS || perp_trade_find(order, row->fill_id))
        return false;
    memset(&core->prepared, 0, sizeof core->prepared);
    if (!perp_trade_reserve(core)) {
        read->arena->failed = true;
        return false;
    }
    struct perp_order_fill *trade = perp_trade_add_last(core, order, row);
    return take(read, &trade->row, sizeof trade->row, &trade->kept);
}

static bool read_placed(const struct read *read) {
    perp_core *core = read->core;
    perp_orders *orders = core->orders;
    memset(&core->prepared, 0, sizeof core->prepared);
    if (!perp_placed_reserve(core)) {
        read->arena->failed = true;
        return false;
    }
    struct perp_placed *placed = &orders->placed[orders->first_placed + orders->n_placed];
    *placed = (struct perp_placed){.kept = NULL};
    if (!take(read, &placed->row, sizeof placed->row, &placed->kept))
        return false;
    orders->n_placed++;
    return true;
}

static bool read_past(const struct read *read) {
    perp_core *core = read->core;
    const struct perp_past_row *row = read->row;
    if (perp_job_find(core, &row->id) || perp_chains_find(&core->past, &row->id))
        return false;
    struct perp_past *past = perp_alloc(core, sizeof *past);
    if (past)
        memset(past, 0, sizeof *past);
    if (!past || !perp_past_room(core) || !take(read, &past->row, sizeof past->row, &past->kept)) {
        read->arena->failed = true;
        perp_past_free(core, past);
        return false;
    }
    perp_past_add(core, past);
    return true;
}

static bool read_row(const struct read *read, uint64_t kind) {
    switch (kind) {
    case PERP_BOOK_CONFIG:
        return apply_event(read, PERP_EVENT_CONFIG);
    case PERP_BOOK_EXCHANGE:
        return apply_event(read, PERP_EVENT_EXCHANGE);
    case PERP_BOOK_EXCHANGE_LIMITS:
        return of_exchange(read) && read_limits(read);
    case PERP_BOOK_INSTRUMENT:
        return apply_event(read, PERP_EVENT_INSTRUMENT);
    case PERP_BOOK_LEDGER:
        return read_ledger(read);
    case PERP_BOOK_ACCOUNT:
        return of_exchange(read) && read_account(read);
    case PERP_BOOK_RESERVATION:
        return read_reservation(read);
    case PERP_BOOK_KEY:
        return read_key(read);
    case PERP_BOOK_CONTROL:
        return read_control(read);
    case PERP_BOOK_CIRCUIT:
        return of_exchange(read) && read_circuit(read);
    case PERP_BOOK_BLACKLISTED:
        return read_blacklisted(read);
    case PERP_BOOK_HALTED:
        return read_halted(read);
    case PERP_BOOK_COLLATERAL:
        return apply_event(read, PERP_EVENT_COLLATERAL);
    case PERP_BOOK_HOST_RULE:
        return apply_event(read, PERP_EVENT_HOST_RULE);
    case PERP_BOOK_QUEUE:
        return read_queue(read);
    case PERP_BOOK_DISPATCHED:
        return read_dispatched(read);
    case PERP_BOOK_JOB:
        return read_job(read);
    case PERP_BOOK_POSITION:
        return read_position(read);
    case PERP_BOOK_LOT:
        return read_lot(read);
    case PERP_BOOK_OWED:
        return read_owed(read);
    case PERP_BOOK_SINCE:
        return read_since(read);
    case PERP_BOOK_BASE:
        return read_base(read);
    case PERP_BOOK_ALLOWED:
        return apply_event(read, PERP_EVENT_ALLOW);
    case PERP_BOOK_DESK:
        return read_desk(read);
    case PERP_BOOK_ORDER:
        return read_order(read);
    case PERP_BOOK_TRADE:
        return read_trade(read);
    case PERP_BOOK_PLACED:
        return read_placed(read);
    case PERP_BOOK_PAST:
        return read_past(read);
    default:
        return false;
    }
}

/* What follows from the rows: budgets, what is kept of positions and bases, and which reservations
   a job holds. */
static bool link_rows(perp_core *core) {
    perp_capital_rebudget(core);
    for (perp_instrument_id i = 0; i < perp_n_instruments(core); i++)
        perp_position_moved(core, i);
    for (uint32_t i = 0; i < core->bases.count; i++)
        perp_base_moved(core, i);
    struct perp_held *held = core->capital->last;
    for (; held; held = held->previous) {
        struct perp_job_entry *job = held->has_job ? perp_job_find(core, &held->job) : NULL;
        if (held->has_job && (!job || !perp_has_run(job)))
            return false;
        if (!job)
            continue;
        held->next_of_job =
            job->run->held; /* from the last to the first: they end up in their order */
        job->run->held = held;
    }
    return true;
}

static bool read_head(struct perp_reader *reader, perp_core *core) {
    uint64_t version = perp_read_unsigned(reader);
    core->seq = perp_read_unsigned(reader);
    int64_t clock = (int64_t)perp_read_word(reader);
    core->chain = perp_read_word(reader);
    atomic_store(&core->clock, clock);
    perp_day_forget(core);
    return version == IMAGE_VERSION && !reader->failed;
}

static bool read_next(struct perp_load *load, struct perp_reader *reader) {
    uint64_t kind = perp_read_unsigned(reader), index = perp_read_unsigned(reader);
    uint64_t size = perp_read_unsigned(reader);
    const unsigned char *bytes = perp_read_bytes(reader, size);
    const struct perp_row_type *type = perp_book_row_type(kind);
    const char *what;
    if (!bytes || !type || index >= PERP_MAX_EXCHANGES)
        return false;
    perp_arena_reset(&load->arena);
    void *row = perp_arena_take(&load->arena, type->size);
    struct read read = {load->core, &load->arena, (uint32_t)index, row, NULL};
    struct perp_reader fields = {bytes, bytes + size, false};
    return row && perp_row_read(&fields, type, row, &load->arena, &read.kept) &&
           perp_row_sound(load->core, type, row, &what) && read_row(&read, kind);
}

perp_status perp_image_read(struct perp_load *load, const void *bytes, size_t size,
                            const char **why) {
    uint64_t sum;
    const unsigned char *at = bytes;
    *why = "its checksum";
    if (!perp_chain_holds(PERP_CHAIN_START, bytes, size, &sum))
        return PERP_E_CORRUPT;
    struct perp_reader reader = {at, at + size - PERP_CHAIN_SIZE, false};
    *why = "not a book of a version that is known";
    if (!read_head(&reader, load->core))
        return PERP_E_CORRUPT;
    *why = "a row that is none, or does not follow from those before it";
    while (reader.at < reader.end)
        if (!read_next(load, &reader))
            return load->arena.failed ? PERP_E_NOMEM : PERP_E_CORRUPT;
    *why = "a reservation's job is not there";
    return link_rows(load->core) ? PERP_OK : PERP_E_CORRUPT;
}
