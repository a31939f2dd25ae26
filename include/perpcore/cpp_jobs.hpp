// Jobs: what a host submits, what its executor gets, and what ticks and finishes report.
#ifndef PERPCORE_CPP_JOBS_HPP
#define PERPCORE_CPP_JOBS_HPP

#include <perpcore/cpp_values.hpp>

#include <memory>

namespace perp {

// ---- Submitting ---------------------------------------------------------------------------------

struct leg {
    instrument_id instrument;
    perp::side side;
    double quantity;
    std::optional<usd> notional = std::nullopt; // else the job's
    std::optional<double> leverage = std::nullopt;
    bool maker = false;
};

// A hedge job: perp::job(id, strategy, notional).edge_bps(12).buy(a, 0.1).sell(b, 0.1)
// What is not set is as perp_job_init says. What makes no sense is found when it is submitted.
class job {
  public:
    job(const job_id &id, perp::strategy strategy, usd notional) noexcept {
        perp_job_init(&c_);
        c_.job_id = id.c();
        c_.strategy = static_cast<std::uint32_t>(strategy);
        c_.notional = notional.micros();
    }
    // Metadata is copied.
    explicit job(const perp_job &c) : c_(c) {
        if (c.metadata)
            metadata({static_cast<const char *>(c.metadata), c.metadata_size});
    }

    job &buy(instrument_id instrument, double quantity) & {
        return add({instrument, side::BUY, quantity});
    }
    job buy(instrument_id instrument, double quantity) && {
        return std::move(buy(instrument, quantity));
    }
    job &sell(instrument_id instrument, double quantity) & {
        return add({instrument, side::SELL, quantity});
    }
    job sell(instrument_id instrument, double quantity) && {
        return std::move(sell(instrument, quantity));
    }
    // PERP_E_INVALID: more than PERP_MAX_LEGS.
    job &add(const leg &one) & {
        if (c_.n_legs >= PERP_MAX_LEGS)
            throw error(PERP_E_INVALID, "job.legs: at most " + std::to_string(PERP_MAX_LEGS));
        perp_leg c = {};
        c.instrument = one.instrument.value();
        c.side = static_cast<std::uint32_t>(one.side);
        c.quantity = one.quantity;
        c.notional = one.notional.value_or(usd()).micros();
        c.leverage = one.leverage.value_or(0);
        c.maker = one.maker;
        c_.legs[c_.n_legs++] = c;
        return *this;
    }
    job add(const leg &one) && {
        return std::move(add(one));
    }
    job &edge_bps(double expected) &noexcept {
        c_.expected_edge_bps = expected;
        return *this;
    }
    job edge_bps(double expected) &&noexcept {
        return std::move(edge_bps(expected));
    }
    job &est_volume(usd volume) &noexcept {
        c_.est_volume = volume.micros();
        return *this;
    }
    job est_volume(usd volume) &&noexcept {
        return std::move(est_volume(volume));
    }
    job &holding(hours planned) &noexcept {
        c_.holding_hours = planned.count();
        return *this;
    }
    job holding(hours planned) &&noexcept {
        return std::move(holding(planned));
    }
    job &created_at(time when) &noexcept {
        c_.created_at_ns = to_ns(when);
        return *this;
    }
    job created_at(time when) &&noexcept {
        return std::move(created_at(when));
    }
    // An open job whose lots its fills close first.
    job &closes(const job_id &open) &noexcept {
        c_.closes = open.c();
        return *this;
    }
    job closes(const job_id &open) &&noexcept {
        return std::move(closes(open));
    }
    // 0: never expires.
    job &ttl(milliseconds limit) &noexcept {
        c_.ttl_ms = limit.count();
        return *this;
    }
    job ttl(milliseconds limit) &&noexcept {
        return std::move(ttl(limit));
    }
    // 0: never overdue.
    job &max_run(milliseconds limit) &noexcept {
        c_.max_run_ms = limit.count();
        return *this;
    }
    job max_run(milliseconds limit) &&noexcept {
        return std::move(max_run(limit));
    }
    job &priority(std::int32_t value) &noexcept {
        c_.priority = value;
        return *this;
    }
    job priority(std::int32_t value) &&noexcept {
        return std::move(priority(value));
    }
    // Bytes of the host, which the executor gets back. PERP_E_INVALID: more than PERP_MAX_METADATA.
    job &metadata(std::string_view bytes) & {
        if (bytes.size() > PERP_MAX_METADATA)
            throw error(PERP_E_INVALID,
                        "job.metadata: at most " + std::to_string(PERP_MAX_METADATA) + " bytes");
        metadata_ = std::make_shared<const std::string>(bytes);
        c_.metadata = metadata_->data();
        c_.metadata_size = static_cast<std::uint32_t>(bytes.size());
        return *this;
    }
    job metadata(std::string_view bytes) && {
        return std::move(metadata(bytes));
    }

    job_id id() const noexcept {
        return job_id(c_.job_id);
    }
    perp::strategy strategy() const noexcept {
        return perp::strategy{c_.strategy};
    }
    usd notional() const noexcept {
        return usd::from_micros(c_.notional);
    }
    // -> reaches the fields of the C struct.
    const perp_job *operator->() const noexcept {
        return &c_;
    }
    const perp_job &c() const noexcept {
        return c_;
    }
    perp_job &c() noexcept {
        return c_;
    }

  private:
    perp_job c_;
    // Copies of a job share it, so that c_.metadata stays right.
    std::shared_ptr<const std::string> metadata_;
};

// ---- Executing ----------------------------------------------------------------------------------

// One leg as the executor gets it. price: the executable price that the decision was made on.
// limit_price: the furthest that the collar lets pass, before it is rounded to the tick; none: no
// reference is fresh. client_id: what the next order of the leg, its attempt-th, is called
// (orders::place gives the same); empty: it is known once placed.
struct order {
    exchange_id exchange;
    instrument_id instrument;
    perp::side side;
    bool maker;
    bool reduce_only; // it must not open or turn a position
    double quantity, price, leverage;
    usd notional;
    std::optional<double> limit_price;
    std::uint32_t attempt; // from 1
    perp::client_id client_id;

    explicit order(const perp_order &c)
        : exchange(c.exchange), instrument(c.instrument), side{c.side}, maker(c.maker != 0),
          reduce_only(c.reduce_only != 0), quantity(c.quantity), price(c.price),
          leverage(c.leverage), notional(usd::from_micros(c.notional)), attempt(c.attempt),
          client_id(c.client_id) {
        if (c.limit_price > 0)
            limit_price = c.limit_price;
    }
};

// A job to execute now; valid during the callback.
class execution {
  public:
    explicit execution(const perp_execution &c) noexcept : c_(&c) {
    }
    job_id id() const noexcept {
        return job_id(c_->job_id);
    }
    perp::strategy strategy() const noexcept {
        return perp::strategy{c_->strategy};
    }
    // Orders must not open or turn a position.
    bool reduce_only() const noexcept {
        return c_->reduce_only != 0;
    }
    // It squares what is naked of a base.
    bool is_repair() const noexcept {
        return c_->is_repair != 0;
    }
    // The number of this dispatch: what answers it may carry it.
    std::uint64_t dispatch() const noexcept {
        return c_->dispatch;
    }
    usd notional() const noexcept {
        return usd::from_micros(c_->notional);
    }
    perp::time now() const noexcept {
        return from_ns(c_->now_ns);
    }
    view<order, perp_order> orders() const noexcept {
        return {c_->orders, c_->n_orders, c_->n_orders};
    }
    std::string_view metadata() const noexcept {
        return {static_cast<const char *>(c_->metadata), c_->metadata_size};
    }
    const perp_execution &c() const noexcept {
        return *c_;
    }

  private:
    const perp_execution *c_;
};

// Quantity of a base that was filled on one side only: positive long, negative short.
struct naked {
    std::string base;
    double quantity;

    explicit naked(const perp_naked &c) : base(c.base), quantity(c.quantity) {
    }
};

// ---- Ticks --------------------------------------------------------------------------------------

struct tick_item {
    tick_kind kind;
    perp::reason reason; // of those refused, skipped or withdrawn
    perp::job_id job;
    std::uint64_t dispatch; // of those dispatched or withdrawn: its number; else 0

    explicit tick_item(const perp_tick_item &c)
        : kind{c.kind}, reason{c.reason}, job(c.job_id), dispatch(c.dispatch) {
    }
};

// What a tick did: a range of tick_item. -> reaches the counts: result->dispatched. Give it to the
// next tick too, and its memory is used again.
class tick_result {
  public:
    // list_all: all refused and skipped jobs are listed; false: those whose reason changed. What
    // was dispatched, withdrawn, expired, overdue and planned as a repair is listed either way.
    explicit tick_result(bool list_all = true) noexcept {
        perp_tick_result_init(&c_);
        c_.want_items = list_all ? 2 : 1;
    }
    tick_result(tick_result &&other) noexcept : tick_result() {
        std::swap(c_, other.c_);
    }
    tick_result &operator=(tick_result &&other) noexcept {
        std::swap(c_, other.c_);
        return *this;
    }
    ~tick_result() {
        perp_tick_result_free(&c_);
    }

    tick_status status() const noexcept {
        return tick_status{c_.status};
    }
    view<tick_item, perp_tick_item> items() const &noexcept {
        return {c_.items, c_.n_items, c_.n_items};
    }
    view<tick_item, perp_tick_item> items() const && = delete; // keep the result
    auto begin() const &noexcept {
        return items().begin();
    }
    auto end() const &noexcept {
        return items().end();
    }
    void begin() const && = delete;
    void end() const && = delete;
    std::uint32_t refused_by(reason which) const noexcept {
        return c_.refused_by[static_cast<std::size_t>(which)];
    }
    std::uint32_t skipped_by(reason which) const noexcept {
        return c_.skipped_by[static_cast<std::size_t>(which)];
    }
    const perp_tick_result *operator->() const noexcept {
        return &c_;
    }
    perp_tick_result &c() noexcept {
        return c_;
    }

  private:
    perp_tick_result c_;
};

// ---- Finishing ----------------------------------------------------------------------------------

// What became of a leg so far, in all since its job was dispatched first.
struct leg_result {
    double filled;
    double price;                                  // average
    usd fee;                                       // negative: a rebate
    std::optional<usd> pnl = std::nullopt;         // before fees; none: what was realised
    std::optional<perp::time> time = std::nullopt; // of the last fill; none: that of the call
    bool known = true; // false: nothing is known of this leg (only with UNKNOWN)

    leg_result(double was_filled, double at_price, usd with_fee,
               std::optional<usd> with_pnl = std::nullopt,
               std::optional<perp::time> at = std::nullopt) noexcept
        : filled(was_filled), price(at_price), fee(with_fee), pnl(with_pnl), time(at) {
    }
    explicit leg_result(const perp_leg_result &c)
        : filled(c.filled), price(c.price), fee(usd::from_micros(c.fee)),
          time(detail::maybe_time(c.time_ns)), known(c.known != 0) {
        if (c.has_pnl)
            pnl = usd::from_micros(c.pnl);
    }
    static leg_result unknown() noexcept {
        leg_result none(0, 0, usd());
        none.known = false;
        return none;
    }
    perp_leg_result c() const noexcept {
        return {filled,      price,           fee.micros(), pnl ? pnl->micros() : 0,
                to_ns(time), pnl.has_value(), known};
    }
};

// How a job went, in one of four forms: leg by leg, in all, nothing but a status, or as its orders
// say it.
class job_result {
  public:
    explicit job_result(result_status status = result_status::COMPLETED) noexcept {
        perp_job_result_init(&c_);
        c_.status = static_cast<std::uint32_t>(status);
    }
    // One for each leg of the job, in their order. PERP_E_INVALID: more than PERP_MAX_LEGS.
    job_result &leg(const leg_result &one) & {
        if (c_.n_legs >= PERP_MAX_LEGS)
            throw error(PERP_E_INVALID, "result.legs: at most " + std::to_string(PERP_MAX_LEGS));
        c_.legs[c_.n_legs++] = one.c();
        return *this;
    }
    job_result leg(const leg_result &one) && {
        return std::move(leg(one));
    }
    job_result &totals(usd pnl, usd volume, usd fees) &noexcept {
        c_.has_totals = 1;
        c_.pnl = pnl.micros();
        c_.volume = volume.micros();
        c_.fees = fees.micros();
        return *this;
    }
    job_result totals(usd pnl, usd volume, usd fees) &&noexcept {
        return std::move(totals(pnl, volume, fees));
    }
    // With totals: it opened and closed within itself. Else what it filled is open until another
    // job has closed it.
    job_result &flat() &noexcept {
        c_.flat = 1;
        return *this;
    }
    job_result flat() &&noexcept {
        return std::move(flat());
    }
    // Of a job that has orders: they say all of it, also the status.
    job_result &from_orders() &noexcept {
        c_.from_orders = 1;
        return *this;
    }
    job_result from_orders() &&noexcept {
        return std::move(from_orders());
    }
    // The number of the dispatch that this answers: PERP_E_CONFLICT where the job was requeued.
    job_result &dispatch(std::uint64_t number) &noexcept {
        c_.dispatch = number;
        return *this;
    }
    job_result dispatch(std::uint64_t number) &&noexcept {
        return std::move(dispatch(number));
    }
    const perp_job_result &c() const noexcept {
        return c_;
    }

  private:
    perp_job_result c_;
};

struct finish_outcome {
    job_state state;
    std::vector<naked> exposed; // of a partial job, by base: what its own legs left

    explicit finish_outcome(const perp_finish_outcome &c) : state{c.state} {
        const std::uint32_t n = c.n_naked < PERP_MAX_LEGS ? c.n_naked : PERP_MAX_LEGS;
        exposed = std::vector<naked>(c.naked, c.naked + n);
    }
};

// ---- Looking ------------------------------------------------------------------------------------

struct job_info {
    job_state state;
    reason last_refusal, last_skip;
    bool overdue, is_repair, balanced, reduce_only, cancel_asked;
    std::uint32_t n_lots;         // what of it is open
    std::vector<leg_result> legs; // what was told of each so far
    usd held;
    double score; // NaN: none
    time submitted;
    std::optional<time> started, ended;
    std::optional<time> unhedged_since; // its legs have filled unequally
    usd pnl, volume, fees;
    std::uint64_t dispatch, order; // the number of its last dispatch; its place
    perp::job job; // as submitted, defaults filled in; scheduler::job_metadata has its metadata

    explicit job_info(const perp_job_info &c)
        : state{c.state}, last_refusal{c.last_refusal}, last_skip{c.last_skip},
          overdue(c.overdue != 0), is_repair(c.is_repair != 0), balanced(c.balanced != 0),
          reduce_only(c.reduce_only != 0), cancel_asked(c.cancel_asked != 0), n_lots(c.n_lots),
          legs(c.legs, c.legs + c.job.n_legs), held(usd::from_micros(c.held)), score(c.score),
          submitted(from_ns(c.submitted_ns)), started(detail::maybe_time(c.started_ns)),
          ended(detail::maybe_time(c.ended_ns)),
          unhedged_since(detail::maybe_time(c.unhedged_since_ns)), pnl(usd::from_micros(c.pnl)),
          volume(usd::from_micros(c.volume)), fees(usd::from_micros(c.fees)), dispatch(c.dispatch),
          order(c.order), job(c.job) {
    }
};

// What flatten made of a position. job: it reduces it, by quantity; none: why says what is in the
// way.
struct flattened {
    instrument_id instrument;
    std::optional<job_id> job;
    double quantity;
    perp_flatten_kind why;

    explicit flattened(const perp_flatten_item &c)
        : instrument(c.instrument), quantity(c.quantity),
          why(static_cast<perp_flatten_kind>(c.kind)) {
        if (c.kind == PERP_FLATTEN_JOB)
            job = job_id(c.job_id);
    }
};

struct scheduler_state {
    bool paused, store_failed;
    std::uint32_t pending, running, in_doubt, open, partial;
    std::uint64_t submitted_today, dispatched_today;
    table<job_state, std::uint64_t, PERP_MAX_JOB_STATES> ended_today;
    std::uint64_t submitted_total, dispatched_total;
    table<job_state, std::uint64_t, PERP_MAX_JOB_STATES> ended_total;

    explicit scheduler_state(const perp_scheduler_state &c)
        : paused(c.paused != 0), store_failed(c.store_failed != 0), pending(c.pending),
          running(c.running), in_doubt(c.in_doubt), open(c.open), partial(c.partial),
          submitted_today(c.submitted_today), dispatched_today(c.dispatched_today),
          ended_today(detail::to_table<job_state, std::uint64_t>(c.ended_today)),
          submitted_total(c.submitted_total), dispatched_total(c.dispatched_total),
          ended_total(detail::to_table<job_state, std::uint64_t>(c.ended_total)) {
    }
};

// New limits; what is not set stays. Raising one takes actor and reason.
struct limits {
    std::optional<std::uint32_t> max_global_concurrent_jobs;
    std::optional<std::uint32_t> max_dispatch_per_minute; // 0: off, the highest
    std::optional<exchange_id> exchange;                  // whose, for the two below
    std::optional<std::uint32_t> max_concurrent;
    std::optional<usd> max_notional;

    perp_limits c() const noexcept {
        perp_limits c;
        perp_limits_init(&c);
        c.max_global_concurrent_jobs =
            max_global_concurrent_jobs.value_or(c.max_global_concurrent_jobs);
        c.max_dispatch_per_minute = max_dispatch_per_minute.value_or(c.max_dispatch_per_minute);
        c.exchange = exchange ? exchange->value() : c.exchange;
        c.max_concurrent = max_concurrent.value_or(c.max_concurrent);
        c.max_notional = max_notional ? max_notional->micros() : c.max_notional;
        return c;
    }
};

} // namespace perp

#endif
