// The modules of a book as handles that cost nothing to copy; the core owns what they point to.
// Every function throws perp::error where it fails, and has an overload that takes a
// std::error_code& last and throws nothing but std::bad_alloc.
#ifndef PERPCORE_CPP_MODULES_HPP
#define PERPCORE_CPP_MODULES_HPP

#include <perpcore/cpp_config.hpp>

#include <array>
#include <string>

namespace perp {

// ---- Capital ------------------------------------------------------------------------------------

class capital {
  public:
    capital(perp_core *core, perp_capital *handle) noexcept : core_(core), handle_(handle) {
    }
    perp_capital *native_handle() const noexcept {
        return handle_;
    }

    void update_equity(const call &when, exchange_id exchange, usd equity) const {
        detail::must(core_, [&](auto &ec) { update_equity(when, exchange, equity, ec); });
    }
    void update_equity(const call &when, exchange_id exchange, usd equity,
                       std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_capital_update_equity(handle_, &c, exchange.value(), equity.micros());
    }

    // A deposit, or a withdrawal where it is negative.
    void transfer(const call &when, exchange_id exchange, usd amount) const {
        detail::must(core_, [&](auto &ec) { transfer(when, exchange, amount, ec); });
    }
    void transfer(const call &when, exchange_id exchange, usd amount,
                  std::error_code &ec) const noexcept {
        move(when, exchange, amount, false, ec);
    }
    // The same, of which the equity report came first: only the marks move.
    void transfer_in_equity(const call &when, exchange_id exchange, usd amount) const {
        detail::must(core_, [&](auto &ec) { transfer_in_equity(when, exchange, amount, ec); });
    }
    void transfer_in_equity(const call &when, exchange_id exchange, usd amount,
                            std::error_code &ec) const noexcept {
        move(when, exchange, amount, true, ec);
    }

    // high_water: not given: the larger of the equity and day_start.
    void correct(const call &when, exchange_id exchange, usd day_start,
                 std::optional<usd> high_water = {}) const {
        detail::must(core_, [&](auto &ec) { correct(when, exchange, day_start, high_water, ec); });
    }
    void correct(const call &when, exchange_id exchange, usd day_start,
                 std::error_code &ec) const noexcept {
        correct(when, exchange, day_start, std::nullopt, ec);
    }
    void correct(const call &when, exchange_id exchange, usd day_start,
                 std::optional<usd> high_water, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        const perp_usd high = high_water ? high_water->micros() : 0;
        ec = perp_capital_correct(handle_, &c, exchange.value(), day_start.micros(),
                                  high_water ? &high : nullptr);
    }

    // When days begin: 00:00 UTC and so many minutes, from the next boundary on. Takes actor and
    // reason.
    void set_day_offset(const call &when, std::int32_t minutes) const {
        detail::must(core_, [&](auto &ec) { set_day_offset(when, minutes, ec); });
    }
    void set_day_offset(const call &when, std::int32_t minutes,
                        std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_capital_set_day_offset(handle_, &c, minutes);
    }

    // What was booked with a key is booked once: the same key again is PERP_E_EXISTS, or
    // PERP_E_CONFLICT where anything differs.
    void record_pnl(const call &when, exchange_id exchange, usd pnl, usd volume, usd fees,
                    const reservation_key &key) const {
        detail::must(core_,
                     [&](auto &ec) { record_pnl(when, exchange, pnl, volume, fees, key, ec); });
    }
    void record_pnl(const call &when, exchange_id exchange, usd pnl, usd volume, usd fees,
                    const reservation_key &key, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_capital_record_pnl(handle_, &c, exchange.value(), pnl.micros(), volume.micros(),
                                     fees.micros(), &key.c());
    }

    void set_safe_mode(const call &when, exchange_id exchange, bool enabled) const {
        detail::must(core_, [&](auto &ec) { set_safe_mode(when, exchange, enabled, ec); });
    }
    void set_safe_mode(const call &when, exchange_id exchange, bool enabled,
                       std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_capital_set_safe_mode(handle_, &c, exchange.value(), enabled);
    }

    void record_pnl(const call &when, exchange_id exchange, usd pnl, usd volume, usd fees) const {
        detail::must(core_, [&](auto &ec) { record_pnl(when, exchange, pnl, volume, fees, ec); });
    }
    void record_pnl(const call &when, exchange_id exchange, usd pnl, usd volume, usd fees,
                    std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_capital_record_pnl(handle_, &c, exchange.value(), pnl.micros(), volume.micros(),
                                     fees.micros(), nullptr);
    }

    // A refusal is a result. The same key again gives the reservation that was made with it
    // (PERP_E_EXISTS, which is not thrown).
    reserved reserve(const call &when, exchange_id exchange, pool from, usd amount,
                     const std::optional<reservation_key> &key = std::nullopt) const {
        return detail::must_be_there(
            core_, [&](auto &ec) { return reserve(when, exchange, from, amount, key, ec); });
    }
    reserved reserve(const call &when, exchange_id exchange, pool from, usd amount,
                     const std::optional<reservation_key> &key,
                     std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        auto refused = detail::sized<perp_refusal>();
        std::uint64_t id = 0;
        ec = perp_capital_reserve(handle_, &c, exchange.value(), static_cast<std::uint32_t>(from),
                                  amount.micros(), key ? &key->c() : nullptr, &id, &refused);
        return {id ? reservation_id(id) : reservation_id(), refusal(refused, ec)};
    }

    reserved reserve_for_wash(const call &when, exchange_id exchange, usd amount,
                              const std::optional<reservation_key> &key = std::nullopt) const {
        return detail::must_be_there(
            core_, [&](auto &ec) { return reserve_for_wash(when, exchange, amount, key, ec); });
    }
    reserved reserve_for_wash(const call &when, exchange_id exchange, usd amount,
                              const std::optional<reservation_key> &key,
                              std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        auto refused = detail::sized<perp_refusal>();
        std::uint64_t id = 0;
        ec = perp_capital_reserve_for_wash(handle_, &c, exchange.value(), amount.micros(),
                                           key ? &key->c() : nullptr, &id, &refused);
        return {id ? reservation_id(id) : reservation_id(), refusal(refused, ec)};
    }

    reserved reserve_for_arb(const call &when, exchange_id exchange, usd amount,
                             const std::optional<reservation_key> &key = std::nullopt) const {
        return detail::must_be_there(
            core_, [&](auto &ec) { return reserve_for_arb(when, exchange, amount, key, ec); });
    }
    reserved reserve_for_arb(const call &when, exchange_id exchange, usd amount,
                             const std::optional<reservation_key> &key,
                             std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        auto refused = detail::sized<perp_refusal>();
        std::uint64_t id = 0;
        ec = perp_capital_reserve_for_arb(handle_, &c, exchange.value(), amount.micros(),
                                          key ? &key->c() : nullptr, &id, &refused);
        return {id ? reservation_id(id) : reservation_id(), refusal(refused, ec)};
    }

    // In flight to used: all of it, or an amount. PERP_E_RANGE: more, or not above 0.
    void confirm(const call &when, reservation_id id) const {
        detail::must(core_, [&](auto &ec) { confirm(when, id, ec); });
    }
    void confirm(const call &when, reservation_id id, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_capital_confirm(handle_, &c, id.value(), 0);
    }
    void confirm(const call &when, reservation_id id, usd amount) const {
        if (amount == usd())
            throw error(PERP_E_RANGE, "capital.confirm: an amount of 0; without one it is all");
        detail::must(core_, [&](auto &ec) { confirm(when, id, amount, ec); });
    }
    void confirm(const call &when, reservation_id id, usd amount,
                 std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = amount == usd() ? PERP_E_RANGE
                             : perp_capital_confirm(handle_, &c, id.value(), amount.micros());
    }

    // Gives back: all that is left, or an amount. PERP_E_RANGE: more, or not above 0.
    void release(const call &when, reservation_id id) const {
        detail::must(core_, [&](auto &ec) { release(when, id, ec); });
    }
    void release(const call &when, reservation_id id, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_capital_release(handle_, &c, id.value(), 0);
    }
    void release(const call &when, reservation_id id, usd amount) const {
        if (amount == usd())
            throw error(PERP_E_RANGE, "capital.release: an amount of 0; without one it is all");
        detail::must(core_, [&](auto &ec) { release(when, id, amount, ec); });
    }
    void release(const call &when, reservation_id id, usd amount,
                 std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = amount == usd() ? PERP_E_RANGE
                             : perp_capital_release(handle_, &c, id.value(), amount.micros());
    }

    refusal can_reserve_for_job(const job &wanted) const {
        return detail::must(core_, [&](auto &ec) { return can_reserve_for_job(wanted, ec); });
    }
    refusal can_reserve_for_job(const job &wanted, std::error_code &ec) const noexcept {
        auto refused = detail::sized<perp_refusal>();
        ec = perp_capital_can_reserve_for_job(handle_, &wanted.c(), &refused);
        return refusal(refused, ec);
    }

    reserved_for_job reserve_for_job(const call &when, const job &wanted) const {
        return detail::must(core_, [&](auto &ec) { return reserve_for_job(when, wanted, ec); });
    }
    reserved_for_job reserve_for_job(const call &when, const job &wanted,
                                     std::error_code &ec) const {
        const perp_call c = when.c();
        auto refused = detail::sized<perp_refusal>();
        std::vector<reservation_id> made;
        made.reserve(PERP_MAX_LEGS); // so that nothing can fail once they are made
        std::uint64_t ids[PERP_MAX_LEGS] = {};
        std::uint32_t n = 0;
        ec = perp_capital_reserve_for_job(handle_, &c, &wanted.c(), ids, &n, &refused);
        for (std::uint32_t i = 0; i < n; i++)
            made.emplace_back(ids[i]);
        return {std::move(made), refusal(refused, ec)};
    }

    // The most that reserve would let pass now.
    perp::headroom headroom(exchange_id exchange, pool of) const {
        return detail::must(core_, [&](auto &ec) { return headroom(exchange, of, ec); });
    }
    perp::headroom headroom(exchange_id exchange, pool of, std::error_code &ec) const noexcept {
        perp_usd amount = 0;
        std::uint32_t bound_by = PERP_REASON_NONE;
        ec = perp_capital_headroom(handle_, exchange.value(), static_cast<std::uint32_t>(of),
                                   &amount, &bound_by);
        return {usd::from_micros(amount), reason{bound_by}};
    }

    capital_state snapshot(exchange_id exchange) const {
        return detail::must(core_, [&](auto &ec) { return snapshot(exchange, ec); });
    }
    capital_state snapshot(exchange_id exchange, std::error_code &ec) const noexcept {
        auto state = detail::sized<perp_capital_state>();
        ec = perp_capital_snapshot(handle_, exchange.value(), &state);
        return capital_state(state);
    }

    // Those that live, by id.
    std::vector<reservation> reservations(exchange_id exchange = all_exchanges) const {
        return detail::must(core_, [&](auto &ec) { return reservations(exchange, ec); });
    }
    std::vector<reservation> reservations(exchange_id exchange, std::error_code &ec) const {
        return detail::rows<reservation, perp_reservation>(
            ec, [&](perp_reservation *rows, std::uint32_t capacity, std::uint32_t *count) {
                return perp_capital_reservations(handle_, exchange.value(), rows, capacity, count);
            });
    }

  private:
    void move(const call &when, exchange_id exchange, usd amount, bool in_equity,
              std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_capital_transfer(handle_, &c, exchange.value(), amount.micros(), in_equity);
    }

    perp_core *core_;
    perp_capital *handle_;
};

// ---- Market -------------------------------------------------------------------------------------

class market {
  public:
    market(perp_core *core, perp_market *handle, detail::host *host) noexcept
        : core_(core), handle_(handle), host_(host) {
    }
    perp_market *native_handle() const noexcept {
        return handle_;
    }

    void on_quote(const quote &event) const {
        const perp_quote c = event.c();
        detail::must(core_, perp_market_on_quote(handle_, &c));
    }
    void on_quote(const quote &event, std::error_code &ec) const noexcept {
        const perp_quote c = event.c();
        ec = perp_market_on_quote(handle_, &c);
    }
    void on_book(const book &event) const {
        const perp_book c = event.c();
        detail::must(core_, perp_market_on_book(handle_, &c));
    }
    void on_book(const book &event, std::error_code &ec) const noexcept {
        const perp_book c = event.c();
        ec = perp_market_on_book(handle_, &c);
    }
    void on_trade(const trade &event) const {
        const perp_trade c = event.c();
        detail::must(core_, perp_market_on_trade(handle_, &c));
    }
    void on_trade(const trade &event, std::error_code &ec) const noexcept {
        const perp_trade c = event.c();
        ec = perp_market_on_trade(handle_, &c);
    }
    void on_mark(const mark &event) const {
        const perp_mark c = event.c();
        detail::must(core_, perp_market_on_mark(handle_, &c));
    }
    void on_mark(const mark &event, std::error_code &ec) const noexcept {
        const perp_mark c = event.c();
        ec = perp_market_on_mark(handle_, &c);
    }
    void on_funding(const funding &event) const {
        const perp_funding c = event.c();
        detail::must(core_, perp_market_on_funding(handle_, &c));
    }
    void on_funding(const funding &event, std::error_code &ec) const noexcept {
        const perp_funding c = event.c();
        ec = perp_market_on_funding(handle_, &c);
    }
    void on_latency(const latency &event) const {
        const perp_latency c = event.c();
        detail::must(core_, perp_market_on_latency(handle_, &c));
    }
    void on_latency(const latency &event, std::error_code &ec) const noexcept {
        const perp_latency c = event.c();
        ec = perp_market_on_latency(handle_, &c);
    }
    void on_status(const exchange_status &event) const {
        const perp_exchange_status c = event.c();
        detail::must(core_, perp_market_on_status(handle_, &c));
    }
    void on_status(const exchange_status &event, std::error_code &ec) const noexcept {
        const perp_exchange_status c = event.c();
        ec = perp_market_on_status(handle_, &c);
    }
    void on_rate(const rate &event) const {
        const perp_rate c = event.c();
        detail::must(core_, perp_market_on_rate(handle_, &c));
    }
    void on_rate(const rate &event, std::error_code &ec) const noexcept {
        const perp_rate c = event.c();
        ec = perp_market_on_rate(handle_, &c);
    }
    void on_withdraw(const withdrawal &event) const {
        const perp_withdrawal c = event.c();
        detail::must(core_, perp_market_on_withdraw(handle_, &c));
    }
    void on_withdraw(const withdrawal &event, std::error_code &ec) const noexcept {
        const perp_withdrawal c = event.c();
        ec = perp_market_on_withdraw(handle_, &c);
    }

    // Kept by the core. An empty one takes it away. Not while decisions run on other threads.
    // PERP_E_STATE: the core was not opened with perp::core::open; or one of its callbacks or
    // source functions is running, perhaps the one that would be replaced.
    void set_source(market_source source) const {
        if (!host_)
            throw error(PERP_E_STATE, "market.set_source: not a core of perp::core::open");
        if (host_->depth > 0)
            throw error(PERP_E_STATE, "market.set_source: inside a callback");
        detail::must(core_, [&](auto &ec) { set_source(std::move(source), ec); });
    }
    void set_source(market_source source, std::error_code &ec) const {
        if (!host_ || host_->depth > 0) {
            ec = PERP_E_STATE;
            return;
        }
        std::swap(host_->source, source);
        const perp_market_source c = host_->source_c();
        ec = perp_market_set_source(handle_, c.quote || c.book ? &c : nullptr);
        if (ec)
            std::swap(host_->source, source); // the old one stays
    }

    market_state query(instrument_id instrument, time now) const {
        return detail::must(core_, [&](auto &ec) { return query(instrument, now, ec); });
    }
    market_state query(instrument_id instrument, time now, std::error_code &ec) const noexcept {
        auto state = detail::sized<perp_market_state>();
        ec = perp_market_query(handle_, instrument.value(), to_ns(now), &state);
        return market_state(state);
    }
    exchange_state query(exchange_id exchange, time now) const {
        return detail::must(core_, [&](auto &ec) { return query(exchange, now, ec); });
    }
    exchange_state query(exchange_id exchange, time now, std::error_code &ec) const noexcept {
        auto state = detail::sized<perp_exchange_state>();
        ec = perp_market_query_exchange(handle_, exchange.value(), to_ns(now), &state);
        return exchange_state(state);
    }

  private:
    perp_core *core_;
    perp_market *handle_;
    detail::host *host_;
};

// ---- Positions ----------------------------------------------------------------------------------

class positions {
  public:
    positions(perp_core *core, perp_positions *handle) noexcept : core_(core), handle_(handle) {
    }
    perp_positions *native_handle() const noexcept {
        return handle_;
    }

    // Instruments of the exchange that the report does not list have no position.
    void account(const call &when, const account_report &report) const {
        detail::must(core_, [&](auto &ec) { account(when, report, ec); });
    }
    void account(const call &when, const account_report &report, std::error_code &ec) const {
        const perp_call c = when.c();
        std::vector<perp_position_report> rows;
        for (const position_report &one : report.positions)
            rows.push_back(one.c());
        perp_account_report r;
        perp_account_report_init(&r);
        r.exchange = report.exchange.value();
        r.time_ns = to_ns(report.time);
        r.has_equity = report.equity.has_value();
        r.equity = report.equity ? report.equity->micros() : 0;
        r.n_positions = static_cast<std::uint32_t>(rows.size());
        r.positions = rows.data();
        ec = perp_account(core_, &c, &r);
    }

    // at: the exchange's time; none: that of the call.
    void report(const call &when, const position_report &one,
                std::optional<perp::time> at = std::nullopt) const {
        detail::must(core_, [&](auto &ec) { report(when, one, at, ec); });
    }
    void report(const call &when, const position_report &one, std::optional<perp::time> at,
                std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        const perp_position_report r = one.c();
        ec = perp_position(core_, &c, &r, to_ns(at));
    }

    // Money that came or went without a trade. With an instrument, funding is shared out over the
    // jobs that have something open there. The same key again is PERP_E_EXISTS, or PERP_E_CONFLICT
    // where anything differs, and books nothing.
    void record_cash(const call &when, exchange_id exchange, perp::cash kind, usd amount,
                     const reservation_key &key,
                     std::optional<instrument_id> instrument = std::nullopt) const {
        detail::must(core_, [&](auto &ec) {
            record_cash(when, exchange, kind, amount, key, instrument, ec);
        });
    }
    void record_cash(const call &when, exchange_id exchange, perp::cash kind, usd amount,
                     const reservation_key &key, std::optional<instrument_id> instrument,
                     std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_record_cash(core_, &c, exchange.value(), static_cast<std::uint32_t>(kind),
                              amount.micros(), &key.c(),
                              instrument ? instrument->value() : PERP_NO_ID);
    }

    // A trade that no job made; keys as above.
    void record_fill(const call &when, const recorded_fill &fill,
                     const reservation_key &key) const {
        detail::must(core_, [&](auto &ec) { record_fill(when, fill, key, ec); });
    }
    void record_fill(const call &when, const recorded_fill &fill, const reservation_key &key,
                     std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        const perp_recorded_fill f = fill.c(key);
        ec = perp_record_fill(core_, &c, &f);
    }

    // What drifts of a position is known and wanted. Takes actor and reason.
    void accept(const call &when, instrument_id instrument) const {
        detail::must(core_, [&](auto &ec) { accept(when, instrument, ec); });
    }
    void accept(const call &when, instrument_id instrument, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_accept_position(core_, &c, instrument.value());
    }

    // A base is squared, or wanted as it is. Takes actor and reason.
    void resolve(const call &when, const std::string &base) const {
        detail::must(core_, [&](auto &ec) { resolve(when, base, ec); });
    }
    void resolve(const call &when, const std::string &base, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_resolve(core_, &c, base.c_str());
    }

    // Repairs of a base go on at the next tick.
    void resume_repair(const call &when, const std::string &base) const {
        detail::must(core_, [&](auto &ec) { resume_repair(when, base, ec); });
    }
    void resume_repair(const call &when, const std::string &base,
                       std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_resume_repair(core_, &c, base.c_str());
    }

    position_state query(instrument_id instrument, time now) const {
        return detail::must(core_, [&](auto &ec) { return query(instrument, now, ec); });
    }
    position_state query(instrument_id instrument, time now, std::error_code &ec) const noexcept {
        auto state = detail::sized<perp_position_state>();
        ec = perp_positions_query(handle_, instrument.value(), to_ns(now), &state);
        return position_state(state);
    }

    // What jobs have open on an instrument, oldest first.
    std::vector<lot> lots(instrument_id instrument) const {
        return detail::must(core_, [&](auto &ec) { return lots(instrument, ec); });
    }
    std::vector<lot> lots(instrument_id instrument, std::error_code &ec) const {
        return detail::rows<lot, perp_lot_state>(
            ec, [&](perp_lot_state *rows, std::uint32_t capacity, std::uint32_t *count) {
                return perp_positions_lots(handle_, instrument.value(), rows, capacity, count);
            });
    }

    // Every base over all its instruments, in the order in which instruments brought them.
    std::vector<base_state> bases(time now) const {
        return detail::must(core_, [&](auto &ec) { return bases(now, ec); });
    }
    std::vector<base_state> bases(time now, std::error_code &ec) const {
        std::vector<base_state> all;
        ec.clear();
        for (std::uint32_t n = 0; n < perp_positions_base_count(handle_) && !ec; n++) {
            auto state = detail::sized<perp_base_state>();
            ec = perp_positions_base(handle_, n, to_ns(now), &state);
            if (!ec)
                all.emplace_back(state);
        }
        return all;
    }

  private:
    perp_core *core_;
    perp_positions *handle_;
};

// ---- Risk ---------------------------------------------------------------------------------------

class risk {
  public:
    risk(perp_core *core, perp_risk *handle, detail::host *host = nullptr) noexcept
        : core_(core), handle_(handle), host_(host) {
    }
    perp_risk *native_handle() const noexcept {
        return handle_;
    }

    // Asks, and changes nothing.
    evaluation evaluate(time now, const job &wanted) const {
        evaluation found;
        detail::must(core_, perp_risk_evaluate(handle_, to_ns(now), &wanted.c(), &found.c()));
        return found;
    }
    evaluation evaluate(time now, const job &wanted, std::error_code &ec) const noexcept {
        evaluation found;
        ec = perp_risk_evaluate(handle_, to_ns(now), &wanted.c(), &found.c());
        return found;
    }
    // Every number of an evaluation of this book.
    std::string json(const evaluation &of) const {
        return detail::must(core_, [&](auto &ec) { return json(of, ec); });
    }
    std::string json(const evaluation &of, std::error_code &ec) const {
        return detail::text(ec, [&](char *buffer, std::size_t capacity, std::size_t *length) {
            return perp_evaluation_json(core_, &of.c(), buffer, capacity, length);
        });
    }

    // Adds a rule of the host, kept by the core, before the first job and tick; its number, by
    // which evaluations, results and states know it. PERP_E_STATE: also where the core was not
    // opened with perp::core::open. What else is refused: perp_risk_add_rule.
    reason add_rule(rule added) const {
        if (!host_)
            throw error(PERP_E_STATE, "risk.add_rule: not a core of perp::core::open");
        return detail::must(core_, [&](auto &ec) { return add_rule(std::move(added), ec); });
    }
    reason add_rule(rule added, std::error_code &ec) const {
        if (!host_) {
            ec = PERP_E_STATE;
            return reason::NONE;
        }
        const detail::c_name name(added.name), value(added.value), unit(added.unit);
        perp_host_rule c;
        perp_host_rule_init(&c);
        c.hard = added.hard;
        c.repairs_pass = added.repairs_pass;
        c.name = name.text;
        c.value = added.value.empty() ? nullptr : value.text;
        c.unit = unit.text;
        c.ask = added.ask ? detail::host::ask_rule : nullptr;
        auto kept = std::make_unique<detail::host::kept_rule>();
        kept->of = host_;
        kept->ask = std::move(added.ask);
        c.user = kept.get();
        host_->rules.reserve(host_->rules.size() + 1); // what C knows must be kept
        ec = perp_risk_add_rule(handle_, &c);
        if (ec)
            return reason::NONE;
        host_->rules.push_back(std::move(kept));
        return reason{c.reason};
    }
    // What that rule answers may differ from now on. Any thread may say so, also a callback.
    void rule_changed(reason rule) const {
        detail::must(core_, [&](auto &ec) { rule_changed(rule, ec); });
    }
    void rule_changed(reason rule, std::error_code &ec) const noexcept {
        ec = perp_risk_rule_changed(handle_, static_cast<std::uint32_t>(rule));
    }
    // The name of a reason in this book: of a rule of the host its own.
    std::string name_of(reason which) const {
        return perp_risk_reason_string(handle_, static_cast<std::uint32_t>(which));
    }

    // Results that the host saw outside a job.
    void record_success(const call &when, exchange_id exchange = all_exchanges) const {
        detail::must(core_, [&](auto &ec) { record_success(when, exchange, ec); });
    }
    void record_success(const call &when, exchange_id exchange,
                        std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_risk_record_success(handle_, &c, exchange.value());
    }
    void record_failure(const call &when, exchange_id exchange = all_exchanges) const {
        detail::must(core_, [&](auto &ec) { record_failure(when, exchange, ec); });
    }
    void record_failure(const call &when, exchange_id exchange,
                        std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_risk_record_failure(handle_, &c, exchange.value());
    }

    void reset_halt(const call &when) const {
        detail::must(core_, [&](auto &ec) { reset_halt(when, ec); });
    }
    void reset_halt(const call &when, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_risk_reset_halt(handle_, &c);
    }
    // The same of a strategy that strategy_failures in a row have halted.
    void reset_strategy(const call &when, strategy halted) const {
        detail::must(core_, [&](auto &ec) { reset_strategy(when, halted, ec); });
    }
    void reset_strategy(const call &when, strategy halted, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_risk_reset_strategy(handle_, &c, static_cast<std::uint32_t>(halted));
    }

    void set_mode(const call &when, mode wanted) const {
        detail::must(core_, [&](auto &ec) { set_mode(when, wanted, ec); });
    }
    void set_mode(const call &when, mode wanted, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_risk_set_mode(handle_, &c, static_cast<std::uint32_t>(wanted));
    }

    // Soft rules pass for a while (ttl: none, the default), for all jobs or for one.
    void override_on(const call &when, std::optional<milliseconds> ttl = std::nullopt,
                     const std::optional<job_id> &only = std::nullopt) const {
        detail::must(core_, [&](auto &ec) { override_on(when, ttl, only, ec); });
    }
    void override_on(const call &when, std::optional<milliseconds> ttl,
                     const std::optional<job_id> &only, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_risk_manual_override(handle_, &c, 1, ttl ? ttl->count() : PERP_TIME_NONE,
                                       only ? &only->c() : nullptr);
    }
    void override_off(const call &when) const {
        detail::must(core_, [&](auto &ec) { override_off(when, ec); });
    }
    void override_off(const call &when, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_risk_manual_override(handle_, &c, 0, PERP_TIME_NONE, nullptr);
    }

    // A symbol that trades nowhere.
    void blacklist(const call &when, std::string_view symbol, bool enabled = true) const {
        detail::must(core_, [&](auto &ec) { blacklist(when, symbol, enabled, ec); });
    }
    void blacklist(const call &when, std::string_view symbol, bool enabled,
                   std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        const detail::c_name name(symbol);
        ec = perp_risk_blacklist(handle_, &c, name.text, enabled);
    }

    // The allow-list. Once it has a row, a leg that no row names is refused. pattern: a symbol, or
    // a base and a slash and a star; only: of one strategy. Every row but the first takes actor and
    // reason; one that is there stays as it is.
    void allow(const call &when, std::string_view pattern, exchange_id exchange = all_exchanges,
               std::optional<strategy> only = std::nullopt) const {
        detail::must(core_, [&](auto &ec) { allow(when, pattern, exchange, only, ec); });
    }
    void allow(const call &when, std::string_view pattern, exchange_id exchange,
               std::optional<strategy> only, std::error_code &ec) const noexcept {
        set_allowed(when, pattern, exchange, only, true, ec);
    }
    // Takes a row away; the last takes actor and reason. PERP_E_NOT_FOUND: it is not there.
    void disallow(const call &when, std::string_view pattern, exchange_id exchange = all_exchanges,
                  std::optional<strategy> only = std::nullopt) const {
        detail::must(core_, [&](auto &ec) { disallow(when, pattern, exchange, only, ec); });
    }
    void disallow(const call &when, std::string_view pattern, exchange_id exchange,
                  std::optional<strategy> only, std::error_code &ec) const noexcept {
        set_allowed(when, pattern, exchange, only, false, ec);
    }

    // A halted instrument takes no new risk. Off takes actor and reason.
    void halt_instrument(const call &when, instrument_id instrument, bool enabled) const {
        detail::must(core_, [&](auto &ec) { halt_instrument(when, instrument, enabled, ec); });
    }
    void halt_instrument(const call &when, instrument_id instrument, bool enabled,
                         std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_risk_halt_instrument(handle_, &c, instrument.value(), enabled);
    }
    // What an account holds in a base itself: margin that moves with it. haircut: what of it does
    // not count.
    void set_collateral(const call &when, exchange_id exchange, const std::string &base,
                        double quantity, double haircut) const {
        detail::must(
            core_, [&](auto &ec) { set_collateral(when, exchange, base, quantity, haircut, ec); });
    }
    void set_collateral(const call &when, exchange_id exchange, const std::string &base,
                        double quantity, double haircut, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_risk_set_collateral(handle_, &c, exchange.value(), base.c_str(), quantity,
                                      haircut);
    }

    risk_state query() const {
        return detail::must(core_, [&](auto &ec) { return query(ec); });
    }
    risk_state query(std::error_code &ec) const noexcept {
        auto state = detail::sized<perp_risk_state>();
        ec = perp_risk_query(handle_, &state);
        return risk_state(state);
    }

    // What stays until a person lifts it: the halt, strategies, drift, repairs.
    std::vector<latch> latches() const {
        return detail::must(core_, [&](auto &ec) { return latches(ec); });
    }
    std::vector<latch> latches(std::error_code &ec) const {
        return detail::rows<latch, perp_latch>(
            ec, [&](perp_latch *rows, std::uint32_t capacity, std::uint32_t *count) {
                return perp_risk_latches(handle_, rows, capacity, count);
            });
    }

    // The rules with the limits in force.
    std::string describe_json() const {
        return detail::must(core_, [&](auto &ec) { return describe_json(ec); });
    }
    std::string describe_json(std::error_code &ec) const {
        return detail::text(ec, [&](char *buffer, std::size_t capacity, std::size_t *length) {
            return perp_risk_describe_json(handle_, buffer, capacity, length);
        });
    }

  private:
    void set_allowed(const call &when, std::string_view pattern, exchange_id exchange,
                     std::optional<strategy> only, bool enabled,
                     std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        const detail::c_name name(pattern);
        ec = perp_risk_allow(handle_, &c, name.text, exchange.value(),
                             only ? static_cast<std::uint32_t>(*only) : PERP_ALL_STRATEGIES,
                             enabled);
    }

    perp_core *core_;
    perp_risk *handle_;
    detail::host *host_;
};

// ---- Scheduler ----------------------------------------------------------------------------------

class scheduler {
  public:
    scheduler(perp_core *core, perp_scheduler *handle) noexcept : core_(core), handle_(handle) {
    }
    perp_scheduler *native_handle() const noexcept {
        return handle_;
    }

    // false: a job of this id and content is known already (PERP_E_EXISTS, which is not thrown).
    bool submit(const call &when, const job &wanted) const {
        return detail::must_be_there(core_, [&](auto &ec) { return submit(when, wanted, ec); });
    }
    bool submit(const call &when, const job &wanted, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_scheduler_submit(handle_, &c, &wanted.c());
        return !ec;
    }

    void cancel(const call &when, const job_id &job) const {
        detail::must(core_, [&](auto &ec) { cancel(when, job, ec); });
    }
    void cancel(const call &when, const job_id &job, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_scheduler_cancel(handle_, &c, &job.c());
    }

    // One round: expire, evaluate, dispatch, commit, execute.
    tick_result tick(const call &when) const {
        tick_result result;
        tick(when, result);
        return result;
    }
    tick_result tick(const call &when, std::error_code &ec) const noexcept {
        tick_result result;
        tick(when, result, ec);
        return result;
    }
    // Into the memory of one that was used before.
    void tick(const call &when, tick_result &result) const {
        detail::must(core_, [&](auto &ec) { tick(when, result, ec); });
    }
    void tick(const call &when, tick_result &result, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_scheduler_tick(handle_, &c, &result.c());
    }

    finish_outcome finish(const call &when, const job_id &job, const job_result &result) const {
        return detail::must(core_, [&](auto &ec) { return finish(when, job, result, ec); });
    }
    finish_outcome finish(const call &when, const job_id &job, const job_result &result,
                          std::error_code &ec) const {
        const perp_call c = when.c();
        auto outcome = detail::sized<perp_finish_outcome>();
        ec = perp_scheduler_finish(handle_, &c, &job.c(), &result.c(), &outcome);
        return finish_outcome(outcome);
    }

    // How far a job is that runs or is in doubt: what each leg has filled in all.
    void progress(const call &when, const job_id &job, const std::vector<leg_result> &legs) const {
        detail::must(core_, [&](auto &ec) { progress(when, job, legs, ec); });
    }
    void progress(const call &when, const job_id &job, const std::vector<leg_result> &legs,
                  std::error_code &ec) const {
        tell(perp_scheduler_progress, when, job, legs, ec);
    }
    // The truth, later: what a job that does not run any more has filled in all.
    void amend(const call &when, const job_id &job, const std::vector<leg_result> &legs) const {
        detail::must(core_, [&](auto &ec) { amend(when, job, legs, ec); });
    }
    void amend(const call &when, const job_id &job, const std::vector<leg_result> &legs,
               std::error_code &ec) const {
        tell(perp_scheduler_amend, when, job, legs, ec);
    }

    // What a job has open was closed outside the library.
    void close(const call &when, const job_id &job, usd pnl, usd volume, usd fees) const {
        detail::must(core_, [&](auto &ec) { close(when, job, pnl, volume, fees, ec); });
    }
    void close(const call &when, const job_id &job, usd pnl, usd volume, usd fees,
               std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_scheduler_close(handle_, &c, &job.c(), pnl.micros(), volume.micros(),
                                  fees.micros());
    }

    // A job in doubt of which surely nothing was sent waits again.
    void requeue(const call &when, const job_id &job) const {
        detail::must(core_, [&](auto &ec) { requeue(when, job, ec); });
    }
    void requeue(const call &when, const job_id &job, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_scheduler_requeue(handle_, &c, &job.c());
    }

    void pause(const call &when) const {
        detail::must(core_, [&](auto &ec) { pause(when, ec); });
    }
    void pause(const call &when, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_scheduler_pause(handle_, &c);
    }
    void resume(const call &when) const {
        detail::must(core_, [&](auto &ec) { resume(when, ec); });
    }
    void resume(const call &when, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_scheduler_resume(handle_, &c);
    }

    // The kill switch, for one exchange or all. What comes back runs there: the host must cancel
    // its orders.
    std::vector<job_id> kill(const call &when, exchange_id exchange = all_exchanges) const {
        return detail::must(core_, [&](auto &ec) { return kill(when, exchange, ec); });
    }
    std::vector<job_id> kill(const call &when, exchange_id exchange, std::error_code &ec) const {
        const perp_call c = when.c();
        // Room for all that runs, and some that other threads dispatch meanwhile: one call will do.
        std::vector<perp_uuid> found(query(ec).running + std::size_t(64));
        std::uint32_t count = 0;
        do {
            if (count > found.size())
                found.resize(count);
            ec = perp_scheduler_kill(handle_, &c, 1, exchange.value(), found.data(),
                                     static_cast<std::uint32_t>(found.size()), &count);
        } while (!ec && count > found.size());
        return std::vector<job_id>(found.begin(), found.begin() + (ec ? 0 : count));
    }
    void unkill(const call &when, exchange_id exchange = all_exchanges) const {
        detail::must(core_, [&](auto &ec) { unkill(when, exchange, ec); });
    }
    void unkill(const call &when, exchange_id exchange, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_scheduler_kill(handle_, &c, 0, exchange.value(), nullptr, 0, nullptr);
    }

    // Leaves: queues for every position (of an exchange; of a base, or "" for all) a job that
    // reduces what is left of it to nothing. Their ids are key with 0, 1, 2, ... added to its last
    // four bytes. Takes actor and reason.
    std::vector<flattened> flatten(const call &when, const job_id &key,
                                   exchange_id exchange = all_exchanges,
                                   const std::string &base = {}) const {
        return detail::must(core_,
                            [&](auto &ec) { return flatten(when, key, exchange, base, ec); });
    }
    std::vector<flattened> flatten(const call &when, const job_id &key, exchange_id exchange,
                                   const std::string &base, std::error_code &ec) const {
        const perp_call c = when.c();
        std::vector<perp_flatten_item> items(perp_instrument_count(core_));
        perp_flatten_result result;
        perp_flatten_result_init(&result);
        result.items = items.data();
        result.capacity = static_cast<std::uint32_t>(items.size());
        ec = perp_scheduler_flatten(handle_, &c, exchange.value(),
                                    base.empty() ? nullptr : base.c_str(), &key.c(), &result);
        std::vector<flattened> all;
        for (std::uint32_t i = 0; !ec && i < result.count && i < result.capacity; i++)
            all.push_back(flattened(items[i]));
        return all;
    }

    void set_limits(const call &when, const limits &wanted) const {
        detail::must(core_, [&](auto &ec) { set_limits(when, wanted, ec); });
    }
    void set_limits(const call &when, const limits &wanted, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        const perp_limits l = wanted.c();
        ec = perp_scheduler_set_limits(handle_, &c, &l);
    }

    // PERP_E_NOT_FOUND: not known, or no longer remembered.
    job_info job(const job_id &id) const {
        return detail::must(core_, [&](auto &ec) { return job(id, ec); });
    }
    job_info job(const job_id &id, std::error_code &ec) const {
        auto info = detail::sized<perp_job_info>();
        ec = perp_scheduler_job(handle_, &id.c(), &info);
        return job_info(info);
    }

    // What a tick would decide of a pending job, by what was learnt at submit, too. Changes
    // nothing. PERP_E_NOT_FOUND: no such job is pending.
    evaluation evaluate(time now, const job_id &id) const {
        return detail::must(core_, [&](auto &ec) { return evaluate(now, id, ec); });
    }
    evaluation evaluate(time now, const job_id &id, std::error_code &ec) const {
        evaluation found;
        ec = perp_scheduler_evaluate(handle_, to_ns(now), &id.c(), &found.c());
        return found;
    }

    // What the job was submitted with; empty for a repair. PERP_E_NOT_FOUND as above.
    std::string job_metadata(const job_id &id) const {
        return detail::must(core_, [&](auto &ec) { return job_metadata(id, ec); });
    }
    std::string job_metadata(const job_id &id, std::error_code &ec) const {
        std::array<char, PERP_MAX_METADATA> bytes;
        std::size_t size = 0;
        ec = perp_scheduler_job_metadata(handle_, &id.c(), bytes.data(), bytes.size(), &size);
        return ec ? std::string() : std::string(bytes.data(), size);
    }

    std::vector<job_id> list(job_state state) const {
        return detail::must(core_, [&](auto &ec) { return list(state, ec); });
    }
    std::vector<job_id> list(job_state state, std::error_code &ec) const {
        return detail::rows<job_id, perp_uuid>(
            ec, [&](perp_uuid *rows, std::uint32_t capacity, std::uint32_t *count) {
                return perp_scheduler_list(handle_, static_cast<std::uint32_t>(state), rows,
                                           capacity, count);
            });
    }

    scheduler_state query() const {
        return detail::must(core_, [&](auto &ec) { return query(ec); });
    }
    scheduler_state query(std::error_code &ec) const noexcept {
        auto state = detail::sized<perp_scheduler_state>();
        ec = perp_scheduler_query(handle_, &state);
        return scheduler_state(state);
    }

  private:
    template <class Function>
    void tell(Function function, const call &when, const job_id &job,
              const std::vector<leg_result> &legs, std::error_code &ec) const {
        const perp_call c = when.c();
        std::vector<perp_leg_result> rows;
        for (const leg_result &leg : legs)
            rows.push_back(leg.c());
        ec = function(handle_, &c, &job.c(), rows.data(), static_cast<std::uint32_t>(rows.size()));
    }

    perp_core *core_;
    perp_scheduler *handle_;
};

} // namespace perp

#endif
