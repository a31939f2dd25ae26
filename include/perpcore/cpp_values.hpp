// What goes in and comes out of a book, as values: the C structs of the same names with ids, money,
// times and enums in their C++ types. Units, ranges and meanings are those of the C headers.
#ifndef PERPCORE_CPP_VALUES_HPP
#define PERPCORE_CPP_VALUES_HPP

#include <perpcore/cpp_types.hpp>

namespace perp {

// Structs of plain numbers are used as they are.
using tier = perp_tier;
using mode_limits = perp_mode_limits;
using book_level = perp_book_level;
using core_stats = perp_core_stats;

// ---- Registry -----------------------------------------------------------------------------------

// An exchange, or one account on it. Two of the same venue never trade with each other.
struct exchange_spec {
    std::string name;
    std::string venue;
    perp::margin margin_mode;
    double taker_fee_bps;
    double maker_fee_bps;
    double liquidation_fee_bps;
    std::optional<std::uint32_t> max_concurrent; // else the scheduler's
    std::optional<usd> max_notional;             // else the scheduler's
    perp::client_id_format client_id_format;     // how it wants client ids written
    std::string
        client_id_prefix;      // of each; at most PERP_MAX_CLIENT_PREFIX letters, digits, - and _
    double order_rate_per_s;   // orders and cancels a second; 0: off
    std::uint32_t order_burst; // so many at once

    // The defaults, from the library.
    exchange_spec(std::string the_name = {}) : exchange_spec(defaults()) {
        name = std::move(the_name);
    }
    exchange_spec(std::string_view the_name) : exchange_spec(std::string(the_name)) {
    }
    exchange_spec(const char *the_name) : exchange_spec(std::string(the_name)) {
    }
    explicit exchange_spec(const perp_exchange_spec &c)
        : name(c.name), venue(c.venue), margin_mode{c.margin_mode}, taker_fee_bps(c.taker_fee_bps),
          maker_fee_bps(c.maker_fee_bps),
          liquidation_fee_bps(c.liquidation_fee_bps), client_id_format{c.client_id_format},
          client_id_prefix(c.client_id_prefix), order_rate_per_s(c.order_rate_per_s),
          order_burst(c.order_burst) {
        if (c.max_concurrent != PERP_NO_ID)
            max_concurrent = c.max_concurrent;
        if (c.max_notional >= 0)
            max_notional = usd::from_micros(c.max_notional);
    }
    perp_exchange_spec c() const noexcept {
        perp_exchange_spec c = defaults();
        detail::put_name(c.name, name);
        detail::put_name(c.venue, venue);
        c.margin_mode = static_cast<std::uint32_t>(margin_mode);
        c.taker_fee_bps = taker_fee_bps;
        c.maker_fee_bps = maker_fee_bps;
        c.liquidation_fee_bps = liquidation_fee_bps;
        c.max_concurrent = max_concurrent.value_or(c.max_concurrent);
        c.max_notional = max_notional ? max_notional->micros() : c.max_notional;
        c.client_id_format = static_cast<std::uint32_t>(client_id_format);
        detail::put_name(c.client_id_prefix, client_id_prefix);
        c.order_rate_per_s = order_rate_per_s;
        c.order_burst = order_burst;
        return c;
    }

  private:
    static perp_exchange_spec defaults() noexcept {
        perp_exchange_spec c;
        perp_exchange_spec_init(&c);
        return c;
    }
};

// An order book on an exchange.
struct instrument_spec {
    exchange_id exchange;
    std::string symbol;
    std::string base; // empty: the symbol up to the '/'
    std::string contract;
    std::string quote; // empty: the symbol from the '/' to a ':'
    perp::kind kind;
    bool pulled; // its quotes are asked of the market_source
    double qty_step;
    double price_tick;
    double min_qty;
    usd min_notional;
    hours funding_interval;
    std::vector<tier> tiers;
    bool can_borrow;                     // spot may be sold that is not there
    usd max_position_usd;                // 0: off
    std::optional<double> taker_fee_bps; // else the exchange's
    std::optional<double> maker_fee_bps; // likewise

    instrument_spec(exchange_id the_exchange, std::string_view the_symbol)
        : instrument_spec(defaults()) {
        exchange = the_exchange;
        symbol = the_symbol;
    }
    explicit instrument_spec(const perp_instrument_spec &c)
        : exchange(c.exchange), symbol(c.symbol), base(c.base), contract(c.contract),
          quote(c.quote), kind{c.kind}, pulled(c.pulled != 0), qty_step(c.qty_step),
          price_tick(c.price_tick), min_qty(c.min_qty),
          min_notional(usd::from_micros(c.min_notional)), funding_interval(c.funding_interval_h),
          tiers(c.tiers, c.tiers + c.n_tiers), can_borrow(c.can_borrow != 0),
          max_position_usd(usd::from_micros(c.max_position_usd)) {
        if (c.taker_fee_bps != PERP_FEE_OF_EXCHANGE)
            taker_fee_bps = c.taker_fee_bps;
        if (c.maker_fee_bps != PERP_FEE_OF_EXCHANGE)
            maker_fee_bps = c.maker_fee_bps;
    }
    // Valid as long as this lives.
    perp_instrument_spec c() const noexcept {
        perp_instrument_spec c = defaults();
        c.exchange = exchange.value();
        detail::put_name(c.symbol, symbol);
        detail::put_name(c.base, base);
        detail::put_name(c.contract, contract);
        detail::put_name(c.quote, quote);
        c.can_borrow = can_borrow;
        c.max_position_usd = max_position_usd.micros();
        c.taker_fee_bps = taker_fee_bps.value_or(c.taker_fee_bps);
        c.maker_fee_bps = maker_fee_bps.value_or(c.maker_fee_bps);
        c.kind = static_cast<std::uint32_t>(kind);
        c.pulled = pulled;
        c.qty_step = qty_step;
        c.price_tick = price_tick;
        c.min_qty = min_qty;
        c.min_notional = min_notional.micros();
        c.funding_interval_h = funding_interval.count();
        c.n_tiers = static_cast<std::uint32_t>(tiers.size());
        c.tiers = tiers.data();
        return c;
    }

  private:
    static perp_instrument_spec defaults() noexcept {
        perp_instrument_spec c;
        perp_instrument_spec_init(&c);
        return c;
    }
};

// The largest job that the limits could ever let pass on two exchanges, and what bounds it.
struct feasibility {
    perp::strategy strategy;
    exchange_id first, second;
    perp::reason bound_by;
    usd largest, smallest;
    // With perfect market data; none: they trade no common base.
    std::optional<double> safety_score; // the best
    double min_safety_score;
    std::optional<double> cost_bps;       // the least: fees alone
    std::optional<double> least_edge_bps; // that a job must expect; none: of any
    perp::reason never_for;               // why no job of the row can ever pass; NONE: one can

    explicit feasibility(const perp_feasibility &c)
        : strategy{c.strategy}, first(c.first), second(c.second), bound_by{c.bound_by},
          largest(usd::from_micros(c.largest)), smallest(usd::from_micros(c.smallest)),
          min_safety_score(c.min_safety_score), never_for{c.never_for} {
        if (c.safety_score == c.safety_score)
            safety_score = c.safety_score;
        if (c.cost_bps == c.cost_bps)
            cost_bps = c.cost_bps;
        if (c.least_edge_bps == c.least_edge_bps)
            least_edge_bps = c.least_edge_bps;
    }
};

// ---- Market data --------------------------------------------------------------------------------

struct quote {
    instrument_id instrument;
    perp::time time;
    double bid, bid_size, ask, ask_size;

    perp_quote c() const noexcept {
        return {instrument.value(), 0, to_ns(time), bid, bid_size, ask, ask_size};
    }
};

// Best first. The levels are the caller's.
struct book {
    instrument_id instrument;
    perp::time time;
    span<book_level> bids, asks;

    perp_book c() const noexcept {
        return {instrument.value(),
                static_cast<std::uint32_t>(bids.size()),
                static_cast<std::uint32_t>(asks.size()),
                0,
                to_ns(time),
                bids.data(),
                asks.data()};
    }
};

struct trade {
    instrument_id instrument;
    perp::time time;
    double price;
    double size; // 0: not known

    perp_trade c() const noexcept {
        return {instrument.value(), 0, to_ns(time), price, size};
    }
};

struct mark {
    instrument_id instrument;
    perp::time time;
    double price;

    perp_mark c() const noexcept {
        return {instrument.value(), 0, to_ns(time), price};
    }
};

struct funding {
    instrument_id instrument;
    perp::time time;
    double rate;
    hours interval;
    perp::time next;
    bool continuous = false;

    perp_funding c() const noexcept {
        return {instrument.value(), continuous, to_ns(time), rate, interval.count(), to_ns(next)};
    }
};

struct latency {
    exchange_id exchange;
    perp::time time;
    double ms;

    perp_latency c() const noexcept {
        return {exchange.value(), 0, to_ns(time), ms};
    }
};

struct exchange_status {
    exchange_id exchange;
    perp::time time;
    perp::api api;

    perp_exchange_status c() const noexcept {
        return {exchange.value(), static_cast<std::uint32_t>(api), to_ns(time)};
    }
};

// What one unit of a quote currency is worth in USD; 1 until told.
struct rate {
    std::string quote;
    perp::time time;
    double usd;

    perp_rate c() const noexcept {
        perp_rate c = {};
        detail::put_name(c.quote, quote);
        c.time_ns = to_ns(time);
        c.usd = usd;
        return c;
    }
};

// The book of an instrument is broken: there is no quote and no depth until the next.
struct withdrawal {
    instrument_id instrument;
    perp::time time;

    perp_withdrawal c() const noexcept {
        perp_withdrawal c = {};
        c.instrument = instrument.value();
        c.time_ns = to_ns(time);
        return c;
    }
};

// Numbers that are not known are NaN.
struct market_state {
    bool has_quote;
    double bid, bid_size, ask, ask_size, mid, spread_bps, spread_baseline_bps, volatility;
    bool fast, continuous_funding;
    double funding_rate, funding_interval_h;
    std::optional<time> next_funding;
    double last, mark;
    std::optional<time> quote_time;

    explicit market_state(const perp_market_state &c)
        : has_quote(c.has_quote != 0), bid(c.bid), bid_size(c.bid_size), ask(c.ask),
          ask_size(c.ask_size), mid(c.mid), spread_bps(c.spread_bps),
          spread_baseline_bps(c.spread_baseline_bps), volatility(c.volatility), fast(c.fast != 0),
          continuous_funding(c.continuous_funding != 0), funding_rate(c.funding_rate),
          funding_interval_h(c.funding_interval_h),
          next_funding(detail::maybe_time(c.next_funding_ns)), last(c.last), mark(c.mark),
          quote_time(detail::maybe_time(c.quote_time_ns)) {
    }
};

struct exchange_state {
    perp::api api;
    perp::circuit circuit;
    bool delayed, killed;
    std::uint32_t latency_samples;
    double latency_mean_ms, latency_p50_ms, latency_p99_ms;
    std::uint32_t open_positions, concurrent_jobs;
    usd running_notional;

    explicit exchange_state(const perp_exchange_state &c)
        : api{c.api}, circuit{c.circuit}, delayed(c.delayed != 0), killed(c.killed != 0),
          latency_samples(c.latency_samples), latency_mean_ms(c.latency_mean_ms),
          latency_p50_ms(c.latency_p50_ms), latency_p99_ms(c.latency_p99_ms),
          open_positions(c.open_positions), concurrent_jobs(c.concurrent_jobs),
          running_notional(usd::from_micros(c.running_notional)) {
    }
};

// ---- Positions ----------------------------------------------------------------------------------

// A position as its exchange reports it. quantity: signed, base units; 0: none.
struct position_report {
    instrument_id instrument;
    double quantity;
    double entry_price = 0; // as what follows, 0: not given
    double leverage = 0;    // else at least 1
    double liquidation_price = 0;
    std::optional<margin> margin_mode = std::nullopt;

    perp_position_report c() const noexcept {
        const std::uint32_t mode = margin_mode ? static_cast<std::uint32_t>(*margin_mode)
                                               : static_cast<std::uint32_t>(PERP_MARGIN_NOT_GIVEN);
        return {instrument.value(), mode, quantity, entry_price, leverage, liquidation_price};
    }
};

// An account as its exchange reports it: all that is open, and what it is worth.
struct account_report {
    exchange_id exchange;
    std::vector<position_report> positions = {};
    std::optional<usd> equity = std::nullopt;
    std::optional<perp::time> time = std::nullopt; // the exchange's; none: that of the call
};

// A trade that no job made: by hand, by another bot on the account, a liquidation.
struct recorded_fill {
    instrument_id instrument;
    perp::side side;
    double quantity, price; // base units, above 0
    usd fee = {};
    std::optional<usd> pnl = std::nullopt;         // none: what the book finds that it realised
    std::optional<perp::time> time = std::nullopt; // none: that of the call

    perp_recorded_fill c(const reservation_key &key) const noexcept {
        perp_recorded_fill c;
        perp_recorded_fill_init(&c);
        c.instrument = instrument.value();
        c.side = static_cast<std::uint32_t>(side);
        c.quantity = quantity;
        c.price = price;
        c.fee = fee.micros();
        c.has_pnl = pnl.has_value();
        c.pnl = pnl ? pnl->micros() : 0;
        c.time_ns = to_ns(time);
        c.key = key.c();
        return c;
    }
};

// What the book believes of an instrument's position.
struct position_state {
    bool known;    // its exchange and itself were reported, and not too long ago
    bool reported; // ever
    bool latched;  // unexplained is above drift_tolerance_usd
    bool in_doubt; // a report that would end a hedge waits for a second one
    std::uint32_t n_lots;
    double quantity, entry_price;      // NaN: none, or not known
    double foreign, unexplained, lost; // no job's; no fill explains it; of that, what closed lots
    double leverage, liquidation_price;
    perp::margin margin_mode;
    std::optional<time> report_time;

    explicit position_state(const perp_position_state &c)
        : known(c.known != 0), reported(c.reported != 0), latched(c.latched != 0),
          in_doubt(c.in_doubt != 0), n_lots(c.n_lots), quantity(c.quantity),
          entry_price(c.entry_price), foreign(c.foreign), unexplained(c.unexplained), lost(c.lost),
          leverage(c.leverage), liquidation_price(c.liquidation_price), margin_mode{c.margin_mode},
          report_time(detail::maybe_time(c.report_time_ns)) {
    }
};

// The open part of a job's leg.
struct lot {
    job_id job;
    std::uint32_t leg;
    double quantity, price;
    usd used;

    explicit lot(const perp_lot_state &c)
        : job(c.job_id), leg(c.leg), quantity(c.quantity), price(c.price),
          used(usd::from_micros(c.used)) {
    }
};

// A base over all its instruments.
struct base_state {
    std::string base;
    bool is_naked, stopped;
    double net, gross, naked, to_square;
    std::uint32_t tries;
    std::optional<job_id> repair;
    std::optional<time> next_try, since;

    explicit base_state(const perp_base_state &c)
        : base(c.base), is_naked(c.is_naked != 0), stopped(c.stopped != 0), net(c.net),
          gross(c.gross), naked(c.naked), to_square(c.to_square), tries(c.tries),
          next_try(detail::maybe_time(c.next_try_ns)), since(detail::maybe_time(c.since_ns)) {
        if (c.has_repair)
            repair = job_id(c.repair);
    }
};

// ---- Capital ------------------------------------------------------------------------------------

// What a call that failed says instead of a reason, so that it reads as a yes nowhere.
inline constexpr reason no_answer{PERP_NO_ID};

// What the ledger said no to: a result, not an error. reason::NONE: it said yes; no_answer: the
// call failed, and the error code says why.
struct [[nodiscard]] refusal {
    perp::reason reason;
    exchange_id exchange;
    perp::pool pool;
    usd asked, limit;

    explicit refusal(const perp_refusal &c)
        : reason{c.reason}, exchange(c.exchange), pool{c.pool}, asked(usd::from_micros(c.asked)),
          limit(usd::from_micros(c.limit)) {
    }
    // After a call: PERP_E_EXISTS is an answer, other errors are none.
    refusal(const perp_refusal &c, const std::error_code &ec) noexcept : refusal(c) {
        if (ec && ec != PERP_E_EXISTS)
            reason = no_answer;
    }
};

// What came of a reservation. `if (result)`: it is there.
struct [[nodiscard]] reserved {
    reservation_id id; // names nothing where it was refused or the call failed
    perp::refusal refusal;

    explicit operator bool() const noexcept {
        return id != reservation_id();
    }
};

struct [[nodiscard]] reserved_for_job {
    std::vector<reservation_id> ids; // none where it was refused or the call failed
    perp::refusal refusal;

    explicit operator bool() const noexcept {
        return !ids.empty();
    }
};

struct headroom {
    usd amount;
    reason bound_by;
};

struct pool_state {
    usd budget, in_flight, used, available;
    double utilisation = 0;

    pool_state() = default;
    explicit pool_state(const perp_pool_state &c)
        : budget(usd::from_micros(c.budget)), in_flight(usd::from_micros(c.in_flight)),
          used(usd::from_micros(c.used)), available(usd::from_micros(c.available)),
          utilisation(c.utilisation) {
    }
};

struct day_figures {
    usd pnl, volume, fees, funding;

    explicit day_figures(const perp_day_figures &c)
        : pnl(usd::from_micros(c.pnl)), volume(usd::from_micros(c.volume)),
          fees(usd::from_micros(c.fees)), funding(usd::from_micros(c.funding)) {
    }
};

struct capital_state {
    bool safe_mode;
    usd equity, high_water;
    double drawdown;
    usd day_start_equity;
    day_figures today, yesterday;
    usd total_in_flight, total_used, overcommitted;
    std::optional<usd> aside; // a report that waits for the next one: the equity is in doubt
    std::optional<time> last_update;
    table<pool, pool_state, PERP_POOL_COUNT> pools;

    explicit capital_state(const perp_capital_state &c)
        : safe_mode(c.safe_mode != 0), equity(usd::from_micros(c.equity)),
          high_water(usd::from_micros(c.high_water)), drawdown(c.drawdown),
          day_start_equity(usd::from_micros(c.day_start_equity)), today(c.today),
          yesterday(c.yesterday), total_in_flight(usd::from_micros(c.total_in_flight)),
          total_used(usd::from_micros(c.total_used)),
          overcommitted(usd::from_micros(c.overcommitted)),
          aside(c.has_aside ? std::optional<usd>(usd::from_micros(c.aside)) : std::nullopt),
          last_update(detail::maybe_time(c.last_update_ns)),
          pools(detail::to_table<pool, pool_state>(c.pools)) {
    }
};

struct reservation {
    reservation_id id;
    exchange_id exchange;
    perp::pool pool;
    usd reserved, in_flight, used, released;
    std::optional<job_id> job; // which holds it

    explicit reservation(const perp_reservation &c)
        : id(c.id), exchange(c.exchange), pool{c.pool}, reserved(usd::from_micros(c.reserved)),
          in_flight(usd::from_micros(c.in_flight)), used(usd::from_micros(c.used)),
          released(usd::from_micros(c.released)) {
        if (c.has_job)
            job = job_id(c.job_id);
    }
};

// ---- Risk ---------------------------------------------------------------------------------------

struct leg_evaluation {
    exchange_id exchange;
    instrument_id instrument;
    double price, mid, slippage_bps, fee_bps, funding_rate, funding_settlements, volatility,
        latency_ms, spread_bps, spread_baseline_bps, depth, leverage, position, entry_price,
        liquidation_price, liquidation_distance;
    std::chrono::nanoseconds quote_age;
    std::optional<std::chrono::nanoseconds> settlement_distance;

    explicit leg_evaluation(const perp_leg_evaluation &c)
        : exchange(c.exchange), instrument(c.instrument), price(c.price), mid(c.mid),
          slippage_bps(c.slippage_bps), fee_bps(c.fee_bps), funding_rate(c.funding_rate),
          funding_settlements(c.funding_settlements), volatility(c.volatility),
          latency_ms(c.latency_ms), spread_bps(c.spread_bps),
          spread_baseline_bps(c.spread_baseline_bps), depth(c.depth), leverage(c.leverage),
          position(c.position), entry_price(c.entry_price), liquidation_price(c.liquidation_price),
          liquidation_distance(c.liquidation_distance), quote_age(c.quote_age_ns) {
        if (c.settlement_distance_ns != PERP_TIME_NONE)
            settlement_distance = std::chrono::nanoseconds(c.settlement_distance_ns);
    }
};

// What one rule measured, of the worst leg, and the limit that it was held against. Both are empty
// where they are not known; leg is empty for a rule of the book or of the job as a whole.
struct rule_evaluation {
    bool held, fails;
    std::optional<double> value, limit;
    std::optional<std::uint32_t> leg;

    explicit rule_evaluation(const perp_rule_evaluation &c) noexcept
        : held(c.result != PERP_RULE_NOT_HELD), fails(c.result == PERP_RULE_FAILS) {
        if (c.value == c.value)
            value = c.value;
        if (c.limit == c.limit)
            limit = c.limit;
        if (held && c.leg != PERP_NO_ID)
            leg = c.leg;
    }
};

// May this job run, and why not. -> reaches the numbers of the C struct: e->cost_bps.
class [[nodiscard]] evaluation {
  public:
    evaluation() noexcept {
        perp_evaluation_init(&c_);
    }
    bool accepted() const noexcept {
        return c_.accepted != 0;
    }
    // The first rule that failed and was not passed.
    perp::reason reason() const noexcept {
        return perp::reason{c_.reason};
    }
    // Also of those that were passed by the override or because the job reduces.
    bool fails(perp::reason which) const noexcept {
        return (c_.reasons & PERP_REASON_BIT(static_cast<std::uint32_t>(which))) != 0;
    }
    rule_evaluation rule(perp::reason which) const noexcept {
        return rule_evaluation(c_.rules[static_cast<std::size_t>(which)]);
    }
    // Of a rule of the host: the sense that was answered; NONE where it was not held.
    perp::sense host_sense(perp::reason which) const noexcept {
        const auto number = static_cast<std::uint32_t>(which) - PERP_REASON_HOST_1;
        return number < PERP_MAX_HOST_RULES ? perp::sense{c_.host_senses[number]} : sense::NONE;
    }
    double component(perp::component which) const noexcept {
        return c_.components[static_cast<std::size_t>(which)];
    }
    perp::mode mode() const noexcept {
        return perp::mode{c_.mode};
    }
    usd daily_loss() const noexcept {
        return usd::from_micros(c_.daily_loss);
    }
    std::optional<usd> daily_loss_limit() const noexcept {
        if (c_.daily_loss_limit == 0)
            return std::nullopt;
        return usd::from_micros(c_.daily_loss_limit);
    }
    // What the ledger refused, if it did.
    refusal capital() const noexcept {
        return refusal(c_.capital);
    }
    view<leg_evaluation, perp_leg_evaluation> legs() const &noexcept {
        return {c_.legs, c_.n_legs, PERP_MAX_LEGS};
    }
    view<leg_evaluation, perp_leg_evaluation> legs() const && = delete; // keep the evaluation
    const perp_evaluation *operator->() const noexcept {
        return &c_;
    }
    const perp_evaluation &c() const noexcept {
        return c_;
    }
    perp_evaluation &c() noexcept {
        return c_;
    }

  private:
    perp_evaluation c_;
};

struct risk_state {
    perp::mode mode;
    std::uint32_t consecutive_failures;
    bool auto_halt, killed, override_on;
    std::optional<time> override_until;
    std::optional<job_id> override_job;
    bool daily_loss_reached;
    usd daily_loss, daily_loss_limit;
    usd loss_usd, loss_scaled, scaled_start, peak;
    usd equity;
    double drawdown;
    table<reason, std::uint64_t, PERP_MAX_REASONS> rejected_today;

    explicit risk_state(const perp_risk_state &c)
        : mode{c.mode}, consecutive_failures(c.consecutive_failures), auto_halt(c.auto_halt != 0),
          killed(c.killed != 0), override_on(c.override_on != 0),
          daily_loss_reached(c.daily_loss_reached != 0), daily_loss(usd::from_micros(c.daily_loss)),
          daily_loss_limit(usd::from_micros(c.daily_loss_limit)),
          loss_usd(usd::from_micros(c.loss_usd)), loss_scaled(usd::from_micros(c.loss_scaled)),
          scaled_start(usd::from_micros(c.scaled_start)), peak(usd::from_micros(c.peak)),
          equity(usd::from_micros(c.equity)), drawdown(c.drawdown),
          rejected_today(detail::to_table<reason, std::uint64_t>(c.rejected_today)) {
        if (override_on)
            override_until = detail::maybe_time(c.override_until_ns);
        if (c.override_has_job)
            override_job = job_id(c.override_job);
    }
};

// What stays until a person lifts it.
struct latch {
    latch_kind kind;
    std::optional<perp::strategy> strategy;  // of a strategy
    std::optional<instrument_id> instrument; // of drift
    std::string base;                        // of drift and repairs
    std::optional<time> since;
    std::string_view by;        // what made it
    std::string_view lifted_by; // the call that lifts it

    explicit latch(const perp_latch &c)
        : kind{c.kind}, base(c.base), since(detail::maybe_time(c.since_ns)), by(c.by),
          lifted_by(c.lifted_by) {
        if (kind == latch_kind::STRATEGY)
            strategy = perp::strategy{c.strategy};
        if (c.instrument != PERP_NO_ID)
            instrument = instrument_id(c.instrument);
    }
};

// ---- Formulas, which need no book ---------------------------------------------------------------

struct liquidation {
    perp::side side;
    double quantity, entry_price, wallet_balance, maintenance_rate;
    double maintenance_amount = 0, liquidation_fee_rate = 0, other_maintenance = 0, other_upnl = 0;
    perp::maintenance maintenance = perp::maintenance::AT_LIQUIDATION;

    perp_liquidation c() const noexcept {
        auto c = detail::sized<perp_liquidation>();
        c.maintenance = static_cast<std::uint32_t>(maintenance);
        c.side = static_cast<std::uint32_t>(side);
        c.quantity = quantity;
        c.entry_price = entry_price;
        c.wallet_balance = wallet_balance;
        c.maintenance_rate = maintenance_rate;
        c.maintenance_amount = maintenance_amount;
        c.liquidation_fee_rate = liquidation_fee_rate;
        c.other_maintenance = other_maintenance;
        c.other_upnl = other_upnl;
        return c;
    }
};

inline double liquidation_price(const liquidation &position, std::error_code &ec) noexcept {
    const perp_liquidation c = position.c();
    double price = 0;
    ec = perp_liquidation_price(&c, &price);
    return price;
}
inline double liquidation_price(const liquidation &position) {
    return detail::must(nullptr, [&](auto &ec) { return liquidation_price(position, ec); });
}

using walk = perp_walk;

// What a quantity takes from levels, best first.
inline walk walk_book(side taken_by, span<book_level> levels, double quantity,
                      std::error_code &ec) noexcept {
    auto found = detail::sized<perp_walk>();
    ec = perp_walk_book(static_cast<std::uint32_t>(taken_by), levels.data(),
                        static_cast<std::uint32_t>(levels.size()), quantity, &found);
    return found;
}
inline walk walk_book(side taken_by, span<book_level> levels, double quantity) {
    return detail::must(nullptr,
                        [&](auto &ec) { return walk_book(taken_by, levels, quantity, ec); });
}

inline double funding_payment(side held, double size, double price, double rate,
                              std::error_code &ec) noexcept {
    double received = 0;
    ec = perp_funding_payment(static_cast<std::uint32_t>(held), size, price, rate, &received);
    return received;
}
inline double funding_payment(side held, double size, double price, double rate) {
    return detail::must(nullptr,
                        [&](auto &ec) { return funding_payment(held, size, price, rate, ec); });
}

inline double funding_rate(double premium, double interest, double band, double divisor, double cap,
                           std::error_code &ec) noexcept {
    double rate = 0;
    ec = perp_funding_rate(premium, interest, band, divisor, cap, &rate);
    return rate;
}
inline double funding_rate(double premium, double interest, double band, double divisor,
                           double cap) {
    return detail::must(
        nullptr, [&](auto &ec) { return funding_rate(premium, interest, band, divisor, cap, ec); });
}

inline double funding_settlements(const funding &of, time from, time to,
                                  std::error_code &ec) noexcept {
    const perp_funding c = of.c();
    double count = 0;
    ec = perp_funding_settlements(&c, to_ns(from), to_ns(to), &count);
    return count;
}
inline double funding_settlements(const funding &of, time from, time to) {
    return detail::must(nullptr, [&](auto &ec) { return funding_settlements(of, from, to, ec); });
}

} // namespace perp

#endif
