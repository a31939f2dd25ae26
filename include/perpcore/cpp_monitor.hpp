// The whole state in one piece, as ranges of values.
#ifndef PERPCORE_CPP_MONITOR_HPP
#define PERPCORE_CPP_MONITOR_HPP

#include <perpcore/cpp_jobs.hpp>

namespace perp {

namespace detail {

// The types of the fields in the lists of monitor.h, and how a C field becomes one.
using field_system = perp::system;
using field_mode = perp::mode;
using field_circuit = perp::circuit;
using field_api = perp::api;
using field_strategy = perp::strategy;
using field_state = perp::job_state;
using field_reason = perp::reason;
using field_flag = bool;
using field_integer = std::int32_t;
using field_count = std::uint64_t;
using field_usd = perp::usd;
using field_limit = std::optional<perp::usd>;
using field_number = double;
using field_worth = double;
using field_time = std::optional<perp::time>;
using field_uuid = perp::job_id;
using field_one_job = std::optional<perp::job_id>;
using field_name = std::string;

template <class E, class = std::enable_if_t<std::is_enum_v<E>>>
void read(E &to, std::uint32_t c) noexcept {
    to = static_cast<E>(c);
}
inline void read(bool &to, std::uint32_t c) noexcept {
    to = c != 0;
}
inline void read(std::int32_t &to, std::int32_t c) noexcept {
    to = c;
}
inline void read(std::uint64_t &to, std::uint64_t c) noexcept {
    to = c;
}
inline void read(double &to, double c) noexcept {
    to = c;
}
inline void read(usd &to, perp_usd c) noexcept {
    to = usd::from_micros(c);
}
inline void read(std::optional<usd> &to, perp_usd c) noexcept {
    to = c == 0 ? std::nullopt : std::optional<usd>(usd::from_micros(c));
}
inline void read(std::optional<time> &to, std::int64_t c) noexcept {
    to = maybe_time(c);
}
inline void read(job_id &to, const perp_uuid &c) noexcept {
    to = job_id(c);
}
inline void read(std::optional<job_id> &to, const perp_one_job &c) noexcept {
    to = c.given ? std::optional<job_id>(c.job_id) : std::nullopt;
}
inline void read(std::string &to, const char *c) {
    to = c;
}

} // namespace detail

// Structs with the fields of a list. NaN: not known; no time, limit or job: none.
#define PERP_X(type, name) detail::field_##type name = {};
#define PERP_CPP_READ(type, name) detail::read(name, c.name);

struct monitor_global {
    PERP_MONITOR_GLOBAL_LIST(PERP_X)

    explicit monitor_global(const perp_monitor_global &c) {
        PERP_MONITOR_GLOBAL_LIST(PERP_CPP_READ)
    }
};

struct monitor_pool {
    PERP_MONITOR_POOL_LIST(PERP_X)

    monitor_pool() = default;
    explicit monitor_pool(const perp_monitor_pool &c) {
        PERP_MONITOR_POOL_LIST(PERP_CPP_READ)
    }
};

struct monitor_capital {
    PERP_MONITOR_CAPITAL_LIST(PERP_X)
    table<pool, monitor_pool, PERP_POOL_COUNT> pools;

    explicit monitor_capital(const perp_monitor_capital &c)
        : pools(detail::to_table<pool, monitor_pool>(c.pools)) {
        PERP_MONITOR_CAPITAL_LIST(PERP_CPP_READ)
    }
};

struct monitor_exchange {
    PERP_MONITOR_EXCHANGE_LIST(PERP_X)
    bool delayed; // it answers slowly or is degraded

    explicit monitor_exchange(const perp_monitor_exchange &c) : delayed(c.delayed != 0) {
        PERP_MONITOR_EXCHANGE_LIST(PERP_CPP_READ)
    }
};

struct monitor_jobs {
    PERP_MONITOR_JOBS_LIST(PERP_X)

    explicit monitor_jobs(const perp_monitor_jobs &c) {
        PERP_MONITOR_JOBS_LIST(PERP_CPP_READ)
    }
};

struct monitor_job {
    PERP_MONITOR_JOB_LIST(PERP_X)
    milliseconds max_run;                   // 0: never overdue
    std::vector<instrument_id> instruments; // of the legs

    explicit monitor_job(const perp_monitor_job &c)
        : max_run(c.max_run_ms), instruments(c.instruments, c.instruments + c.n_legs) {
        PERP_MONITOR_JOB_LIST(PERP_CPP_READ)
    }
};

// What is open on an instrument, or unexplained there. mark: the mark, else the mid.
struct monitor_position {
    PERP_MONITOR_POSITION_LIST(PERP_X)
    instrument_id instrument;
    std::uint32_t lots; // positions().lots gives them

    explicit monitor_position(const perp_monitor_position &c)
        : instrument(c.instrument), lots(c.n_lots) {
        PERP_MONITOR_POSITION_LIST(PERP_CPP_READ)
    }
};

// What of a base has no other side. since: none while it is within the tolerance.
struct monitor_naked {
    PERP_MONITOR_NAKED_LIST(PERP_X)

    explicit monitor_naked(const perp_monitor_naked &c) {
        PERP_MONITOR_NAKED_LIST(PERP_CPP_READ)
    }
};

// A base over all its instruments.
struct monitor_base {
    PERP_MONITOR_BASE_LIST(PERP_X)
    std::string base;
    monitor_naked naked;

    explicit monitor_base(const perp_monitor_base &c) : base(c.base), naked(c.naked) {
        PERP_MONITOR_BASE_LIST(PERP_CPP_READ)
    }
};

// Orders, where the library keeps them, and the running jobs that are unhedged.
struct monitor_orders {
    PERP_MONITOR_ORDERS_LIST(PERP_X)

    explicit monitor_orders(const perp_monitor_orders &c) {
        PERP_MONITOR_ORDERS_LIST(PERP_CPP_READ)
    }
};

// A running job whose legs have filled unequally.
struct monitor_unhedged {
    PERP_MONITOR_UNHEDGED_LIST(PERP_X)

    explicit monitor_unhedged(const perp_monitor_unhedged &c) {
        PERP_MONITOR_UNHEDGED_LIST(PERP_CPP_READ)
    }
};

struct monitor_risk {
    PERP_MONITOR_RISK_LIST(PERP_X)

    explicit monitor_risk(const perp_monitor_risk &c) {
        PERP_MONITOR_RISK_LIST(PERP_CPP_READ)
    }
};

#undef PERP_X
#undef PERP_CPP_READ

struct alert {
    alert_code code;
    alert_level level;
    bool active; // raised, or cleared
    time since;
    std::string subject, message;

    explicit alert(const perp_alert &c)
        : code{c.code}, level{c.level}, active(c.active != 0), since(from_ns(c.since_ns)),
          subject(c.subject), message(c.message) {
    }
};

// One change of the book.
struct change {
    std::uint64_t seq;
    perp::time time;
    std::string_view kind; // a static text
    std::optional<exchange_id> exchange;
    std::optional<job_id> job;

    explicit change(const perp_change &c) : seq(c.seq), time(from_ns(c.time_ns)), kind(c.kind) {
        if (c.exchange != PERP_NO_ID)
            exchange = exchange_id(c.exchange);
        if (c.has_job)
            job = job_id(c.job_id);
    }
};

// The state of a moment, 90 KB on the heap. Give it to the next snapshot too, and its memory is
// used again. The ranges are of what it holds, so it must outlive them: one that nobody keeps has
// none.
class snapshot {
  public:
    snapshot() : c_(std::make_unique<perp_monitor_state>()) {
        c_->struct_size = sizeof *c_;
    }
    // The newest change in it: what monitor.changes goes on from.
    std::uint64_t seq() const noexcept {
        return c_->seq;
    }
    perp::time now() const noexcept {
        return from_ns(c_->now_ns);
    }
    std::optional<time> last_update() const noexcept {
        return detail::maybe_time(c_->last_update_ns);
    }
    monitor_global global() const {
        return monitor_global(c_->global);
    }
    monitor_jobs jobs() const {
        return monitor_jobs(c_->jobs);
    }
    monitor_risk risk() const {
        return monitor_risk(c_->risk);
    }
    // How often a rule fired today.
    std::uint64_t refusals(reason which) const noexcept {
        return c_->refusals[static_cast<std::size_t>(which)];
    }
    view<monitor_job, perp_monitor_job> running_jobs() const &noexcept {
        return {c_->running_jobs, c_->n_running, PERP_MONITOR_RUNNING};
    }
    view<monitor_job, perp_monitor_job> running_jobs() const && = delete;
    view<monitor_job, perp_monitor_job> top_pending() const &noexcept {
        return {c_->top_pending, c_->n_top_pending, PERP_MONITOR_TOP_PENDING};
    }
    view<monitor_job, perp_monitor_job> top_pending() const && = delete;
    view<monitor_job, perp_monitor_job> recent_completed() const &noexcept {
        return {c_->recent_completed, c_->n_recent_completed, PERP_MONITOR_RECENT};
    }
    view<monitor_job, perp_monitor_job> recent_completed() const && = delete;
    view<alert, perp_alert> alerts() const &noexcept {
        return {c_->alerts, c_->n_alerts, PERP_MONITOR_ALERTS};
    }
    view<alert, perp_alert> alerts() const && = delete;
    view<instrument_id, perp_instrument_id> fast_markets() const &noexcept {
        return {c_->fast_markets, c_->n_fast_markets, PERP_MONITOR_FAST};
    }
    view<instrument_id, perp_instrument_id> fast_markets() const && = delete;
    // By exchange, as the next one.
    view<monitor_capital, perp_monitor_capital> capital() const &noexcept {
        return {c_->capital, c_->n_exchanges, PERP_MAX_EXCHANGES};
    }
    view<monitor_capital, perp_monitor_capital> capital() const && = delete;
    view<monitor_exchange, perp_monitor_exchange> exchanges() const &noexcept {
        return {c_->exchanges, c_->n_exchanges, PERP_MAX_EXCHANGES};
    }
    view<monitor_exchange, perp_monitor_exchange> exchanges() const && = delete;
    // Where there is a position, a lot or something unexplained, in order of instruments.
    view<monitor_position, perp_monitor_position> positions() const &noexcept {
        return {c_->positions, c_->n_positions, PERP_MONITOR_POSITIONS};
    }
    view<monitor_position, perp_monitor_position> positions() const && = delete;
    // Where something is open or naked, or is repaired.
    view<monitor_base, perp_monitor_base> bases() const &noexcept {
        return {c_->bases, c_->n_bases, PERP_MONITOR_BASES};
    }
    view<monitor_base, perp_monitor_base> bases() const && = delete;
    monitor_orders orders() const {
        return monitor_orders(c_->orders);
    }
    // How often the gate refused an order for a reason today, PERP_GATE_….
    std::uint64_t order_refusals(std::uint32_t gate) const noexcept {
        return gate < PERP_MAX_GATES ? c_->order_refusals[gate] : 0;
    }
    // In order of dispatch.
    view<monitor_unhedged, perp_monitor_unhedged> unhedged() const &noexcept {
        return {c_->unhedged, c_->n_unhedged, PERP_MONITOR_UNHEDGED};
    }
    view<monitor_unhedged, perp_monitor_unhedged> unhedged() const && = delete;
    const perp_monitor_state &c() const noexcept {
        return *c_;
    }
    perp_monitor_state &c() noexcept {
        return *c_;
    }

  private:
    std::unique_ptr<perp_monitor_state> c_;
};

class monitor {
  public:
    explicit monitor(const perp_core *core) noexcept : core_(core) {
    }

    perp::snapshot snapshot(time now) const {
        perp::snapshot state;
        snapshot(now, state);
        return state;
    }
    // Into the memory of one that was taken before.
    void snapshot(time now, perp::snapshot &state) const {
        detail::must(core_, perp_monitor_snapshot(core_, to_ns(now), &state.c()));
    }
    void snapshot(time now, perp::snapshot &state, std::error_code &ec) const noexcept {
        ec = perp_monitor_snapshot(core_, to_ns(now), &state.c());
    }

    std::string json(time now) const {
        return detail::must(core_, [&](auto &ec) { return json(now, ec); });
    }
    std::string json(time now, std::error_code &ec) const {
        return detail::text(ec, [&](char *buffer, std::size_t capacity, std::size_t *length) {
            return perp_monitor_json(core_, to_ns(now), buffer, capacity, length);
        });
    }

    // Those that stand, the most severe first.
    std::vector<alert> alerts(time now) const {
        return detail::must(core_, [&](auto &ec) { return alerts(now, ec); });
    }
    std::vector<alert> alerts(time now, std::error_code &ec) const {
        return detail::rows<alert, perp_alert>(
            ec, [&](perp_alert *rows, std::uint32_t capacity, std::uint32_t *count) {
                return perp_monitor_alerts(core_, to_ns(now), rows, capacity, count);
            });
    }

    // Tells on_alert of those that come from feeds or with time; belongs into the host's loop.
    void watch(time now) const {
        detail::must(core_, [&](auto &ec) { watch(now, ec); });
    }
    void watch(time now, std::error_code &ec) const noexcept {
        ec = perp_monitor_watch(core_, to_ns(now));
    }

    // After a number, the oldest first. PERP_E_RANGE: some are no longer kept; take a snapshot and
    // go on from its seq.
    std::vector<change> changes(std::uint64_t after_seq) const {
        return detail::must(core_, [&](auto &ec) { return changes(after_seq, ec); });
    }
    std::vector<change> changes(std::uint64_t after_seq, std::error_code &ec) const {
        return detail::rows<change, perp_change>(
            ec, [&](perp_change *rows, std::uint32_t capacity, std::uint32_t *count) {
                return perp_monitor_changes(core_, after_seq, rows, capacity, count);
            });
    }

  private:
    const perp_core *core_;
};

} // namespace perp

#endif
