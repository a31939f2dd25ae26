// The orders of running jobs: what is asked of the gate, what exchanges say, and how they stand.
#ifndef PERPCORE_CPP_ORDERS_HPP
#define PERPCORE_CPP_ORDERS_HPP

#include <perpcore/cpp_jobs.hpp>

namespace perp {

// ---- Placing ------------------------------------------------------------------------------------

// An order for a leg of a running job: order_request::limit(job, 0, 0.1, 60000.5), or market.
// Further fields are set on it: `auto wanted = …; wanted.tif = perp::tif::POST_ONLY;`
struct order_request {
    job_id job;
    std::uint32_t leg; // index from 0
    order_type type;
    double quantity;                    // base units
    double price;                       // of a limit order; 0 of a market order
    perp::tif tif = perp::tif::DEFAULT; // a market order is IOC, a limit order GTC
    bool reduce_only = false;           // of a job that reduces it is always

    static order_request limit(const job_id &of, std::uint32_t of_leg, double how_much,
                               double at) noexcept {
        return {of, of_leg, order_type::LIMIT, how_much, at};
    }
    static order_request market(const job_id &of, std::uint32_t of_leg, double how_much) noexcept {
        return {of, of_leg, order_type::MARKET, how_much, 0};
    }
    perp_order_request c() const noexcept {
        perp_order_request c;
        perp_order_request_init(&c);
        c.leg = leg;
        c.type = static_cast<std::uint32_t>(type);
        c.tif = static_cast<std::uint32_t>(tif);
        c.reduce_only = reduce_only;
        c.price = price;
        c.quantity = quantity;
        c.job_id = job.c();
        return c;
    }
};

// What a call that failed says instead of a gate, so that it reads as a yes nowhere.
inline constexpr gate not_asked{PERP_NO_ID};

// Why the gate said no. limit: what would just pass, or the nanoseconds until the next may go.
struct order_refusal {
    gate reason; // gate::NONE: it said yes; not_asked: the call failed, and the error code says why
    double asked, limit; // in unit()

    const char *unit() const noexcept {
        return perp::unit(reason);
    }
};

// What came of a request. `if (result)`: it is registered, and may be sent under client_id.
struct [[nodiscard]] placed {
    order_id order; // names nothing where it was refused or the call failed
    perp::client_id client_id;
    order_refusal refusal;
    std::error_code error; // of place_many: why this one failed

    placed(const perp_order_answer &c, const std::error_code &ec) noexcept
        : refusal{not_asked, 0, 0}, error(ec) {
        if (ec)
            return;
        refusal = {gate{c.gate}, c.asked, c.limit};
        if (c.order == 0)
            return;
        order = order_id(c.order);
        client_id = perp::client_id(c.client_id);
    }
    explicit placed(const perp_order_answer &c) noexcept
        : placed(c, make_error_code(static_cast<perp_status>(c.status))) {
    }
    explicit operator bool() const noexcept {
        return order != order_id();
    }
};

// ---- What exchanges say -------------------------------------------------------------------------

// Which order: by its number, or by its client id.
class order_key {
  public:
    order_key(order_id number) noexcept : number_(number) {
    }
    template <class Text, class = std::enable_if_t<std::is_convertible_v<Text, std::string_view>>>
    order_key(const Text &id) noexcept : id_(std::string_view(id)) {
    }
    order_id number() const noexcept { // names nothing: the client id says it
        return number_;
    }
    const char *client_id() const noexcept {
        return id_.text;
    }

  private:
    order_id number_;
    detail::c_name id_{std::string_view()};
};

// What an exchange says of an order, made by one of the functions below. Texts are copied. One that
// names something and is too long, or has a zero in it, is refused, never cut.
class order_news {
  public:
    // named: what the exchange calls the order itself.
    static order_news accepted(std::string_view named = {}) noexcept {
        return order_news(news::ACCEPTED).exchange_id(named);
    }
    // One trade. id: of that order its own, 1 to 63 bytes. fee: negative: a rebate.
    static order_news fill(std::string_view id, double quantity, double price, usd fee) noexcept {
        order_news said(news::FILL, quantity, price, fee);
        said.fill_id_ = detail::c_name(id);
        return said;
    }
    // How much in all so far, for interfaces that report only that. price: the average.
    static order_news total(double filled, double price, usd fee) noexcept {
        return order_news(news::TOTAL, filled, price, fee);
    }
    // The ends. why: in the exchange's words; cut to 127 bytes.
    static order_news cancelled(std::string_view why = {}) noexcept {
        return order_news(news::CANCELLED).because(why);
    }
    static order_news expired(std::string_view why = {}) noexcept {
        return order_news(news::EXPIRED).because(why);
    }
    // The market said no: post-only would cross, nothing to take.
    static order_news declined(std::string_view why = {}) noexcept {
        return order_news(news::DECLINED).because(why);
    }
    // The exchange said no, or does not know the order.
    static order_news rejected(std::string_view why = {}) noexcept {
        return order_news(news::REJECTED).because(why);
    }
    // Nobody knows what became of it.
    static order_news unknown() noexcept {
        return order_news(news::UNKNOWN);
    }

    // Of a fill or a total. pnl: before fees; without it the book takes what was realised.
    order_news &pnl(usd realised) &noexcept {
        c_.has_pnl = 1;
        c_.pnl = realised.micros();
        return *this;
    }
    order_news pnl(usd realised) &&noexcept {
        return pnl(realised);
    }
    // When it was filled; without it that of the call.
    order_news &at(time when) &noexcept {
        c_.time_ns = to_ns(when);
        return *this;
    }
    order_news at(time when) &&noexcept {
        return at(when);
    }
    // What the exchange calls the order, which any answer may bring.
    order_news &exchange_id(std::string_view named) &noexcept {
        exchange_id_ = detail::c_name(named);
        return *this;
    }
    order_news exchange_id(std::string_view named) &&noexcept {
        return exchange_id(named);
    }
    // Valid as long as this and the key live.
    perp_order_news c(const order_key &which) const noexcept {
        perp_order_news c = c_;
        if (which.number() != order_id())
            c.order = which.number().value();
        else
            c.client_id = which.client_id();
        c.exchange_id = exchange_id_.text[0] ? exchange_id_.text : nullptr;
        c.fill_id = c_.kind == PERP_NEWS_FILL ? fill_id_.text : nullptr;
        c.text = text_[0] ? text_.data() : nullptr;
        return c;
    }

  private:
    explicit order_news(news kind, double quantity = 0, double price = 0, usd fee = {}) noexcept {
        perp_order_news_init(&c_);
        c_.kind = static_cast<std::uint32_t>(kind);
        c_.quantity = quantity;
        c_.price = price;
        c_.fee = fee.micros();
    }
    order_news &because(std::string_view why) noexcept {
        why.copy(text_.data(), text_.size() - 1);
        return *this;
    }

    perp_order_news c_;
    detail::c_name exchange_id_{std::string_view()}, fill_id_{std::string_view()};
    std::array<char, PERP_LONG_SIZE> text_ = {};
};

// What the book made of news.
struct order_outcome {
    bool is_new; // false: the fill was booked, or the order had ended, before (PERP_E_EXISTS)
    order_id order;
    order_state state;
    std::optional<job_state> finished; // its job finished by itself, and is now this

    explicit order_outcome(const perp_order_outcome &c)
        : is_new(true), order(c.order), state{c.state} {
        if (c.finished)
            finished = job_state{c.becomes};
    }
};

// What a list of open orders told.
struct reconciled {
    std::vector<order_id> in_doubt;   // ours that were not listed
    std::vector<std::string> foreign; // listed, and none of ours
};

// ---- Looking ------------------------------------------------------------------------------------

// All that is known of an order.
struct order_info {
    order_id order;
    job_id job;
    std::uint32_t leg, attempt; // the attempt-th order of its leg, from 1
    perp::exchange_id exchange;
    instrument_id instrument;
    perp::side side;
    order_type type;
    perp::tif tif;
    order_state state;
    bool reduce_only, cancel_requested;
    bool overfilled;                   // more was filled than its quantity
    std::optional<double> limit_price; // none: a market order
    double quantity, filled;
    std::optional<double> price; // the average of what was filled; none: nothing was
    usd volume, fees, pnl;       // as booked
    time placed;
    std::optional<time> ended;
    perp::client_id client_id;
    std::string exchange_id; // the exchange's own id of it; "": not known
    std::string text;        // why it ended; "": nothing was said

    explicit order_info(const perp_order_info &c)
        : order(c.order), job(c.job_id), leg(c.leg), attempt(c.attempt), exchange(c.exchange),
          instrument(c.instrument), side{c.side}, type{c.type}, tif{c.tif}, state{c.state},
          reduce_only(c.reduce_only != 0), cancel_requested(c.cancel_requested != 0),
          overfilled(c.overfilled != 0), quantity(c.quantity), filled(c.filled),
          volume(usd::from_micros(c.volume)), fees(usd::from_micros(c.fees)),
          pnl(usd::from_micros(c.pnl)), placed(from_ns(c.placed_ns)),
          ended(detail::maybe_time(c.ended_ns)), client_id(c.client_id), exchange_id(c.exchange_id),
          text(c.text) {
        if (c.limit_price > 0)
            limit_price = c.limit_price;
        if (c.filled > 0)
            price = c.price;
    }
    bool has_ended() const noexcept {
        return state >= order_state::FILLED;
    }
};

// Which orders a list has: all that each field lets pass. `{}`: all.
struct order_filter {
    std::optional<order_state> state = std::nullopt;
    bool not_ended = false; // instead of a state
    std::optional<job_id> job = std::nullopt;
    exchange_id exchange = all_exchanges;

    static order_filter of(const job_id &one) noexcept {
        order_filter filter;
        filter.job = one;
        return filter;
    }
    static order_filter in_doubt(exchange_id where = all_exchanges) noexcept {
        order_filter filter;
        filter.state = order_state::IN_DOUBT;
        filter.exchange = where;
        return filter;
    }
    static order_filter live(exchange_id where = all_exchanges) noexcept {
        order_filter filter;
        filter.not_ended = true;
        filter.exchange = where;
        return filter;
    }
    perp_order_filter c() const noexcept {
        perp_order_filter c;
        perp_order_filter_init(&c);
        if (not_ended)
            c.state = PERP_ORDER_NOT_ENDED;
        else if (state)
            c.state = static_cast<std::uint32_t>(*state);
        c.exchange = exchange.value();
        c.has_job = job.has_value();
        if (job)
            c.job_id = job->c();
        return c;
    }
};

// How the desk stands.
struct orders_state {
    std::uint32_t open, in_doubt, kept; // that have not ended; of those; in all
    std::uint64_t placed_today, fills_today, placed_total;
    table<gate, std::uint64_t, PERP_MAX_GATES> refused_today;
    std::uint32_t unhedged_jobs;
    usd unhedged_usd;                   // what running jobs have without another side
    std::optional<time> unhedged_since; // of the one that has been so longest
    std::uint64_t foreign;              // exchanges that list orders of nobody here, as bits

    explicit orders_state(const perp_orders_state &c)
        : open(c.open), in_doubt(c.in_doubt), kept(c.kept), placed_today(c.placed_today),
          fills_today(c.fills_today), placed_total(c.placed_total),
          refused_today(detail::to_table<gate, std::uint64_t>(c.refused_today)),
          unhedged_jobs(c.unhedged_jobs), unhedged_usd(usd::from_micros(c.unhedged_usd)),
          unhedged_since(detail::maybe_time(c.unhedged_since_ns)), foreign(c.foreign) {
    }
    bool has_foreign(exchange_id exchange) const noexcept {
        return exchange.value() < PERP_MAX_EXCHANGES && (foreign >> exchange.value() & 1) != 0;
    }
};

// ---- The module ---------------------------------------------------------------------------------

// As the modules of cpp_modules.hpp: a handle that costs nothing to copy.
class orders {
  public:
    orders(perp_core *core, perp_orders *handle) noexcept : core_(core), handle_(handle) {
    }
    perp_orders *native_handle() const noexcept {
        return handle_;
    }

    // Asks the gate, and registers the order where it passes: send it once this has returned. A
    // refusal is a result.
    placed place(const call &when, const order_request &wanted) const {
        return detail::must(core_, [&](auto &ec) { return place(when, wanted, ec); });
    }
    placed place(const call &when, const order_request &wanted,
                 std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        const perp_order_request request = wanted.c();
        perp_order_answer answer;
        perp_order_answer_init(&answer);
        ec = perp_orders_place(handle_, &c, &request, &answer);
        return placed(answer, ec);
    }
    // Many (at most PERP_MAX_PLACED), decided in their order, in one commit: each has its own
    // answer, and where it failed its own error, which is not thrown. Where the call fails, none is
    // registered.
    std::vector<placed> place_many(const call &when,
                                   const std::vector<order_request> &wanted) const {
        return detail::must(core_, [&](auto &ec) { return place_many(when, wanted, ec); });
    }
    std::vector<placed> place_many(const call &when, const std::vector<order_request> &wanted,
                                   std::error_code &ec) const {
        const perp_call c = when.c();
        std::vector<perp_order_request> requests;
        for (const order_request &one : wanted)
            requests.push_back(one.c());
        perp_order_answer none;
        perp_order_answer_init(&none);
        std::vector<perp_order_answer> answers(requests.size(), none);
        std::vector<placed> made;
        made.reserve(requests.size()); // so that nothing can fail once they are made
        ec = perp_orders_place_many(handle_, &c, requests.data(),
                                    static_cast<std::uint32_t>(requests.size()), answers.data());
        if (!ec)
            for (const perp_order_answer &answer : answers)
                made.emplace_back(answer);
        return made;
    }

    // What an exchange says of an order; a fill is booked at once. What was told before changes
    // nothing (PERP_E_EXISTS, which is not thrown): is_new is then false, and state what it is now.
    order_outcome on_order(const call &when, const order_key &which, const order_news &said) const {
        return detail::must_be_there(core_,
                                     [&](auto &ec) { return on_order(when, which, said, ec); });
    }
    order_outcome on_order(const call &when, const order_key &which, const order_news &said,
                           std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        const perp_order_news news = said.c(which);
        auto made = detail::sized<perp_order_outcome>();
        ec = perp_orders_tell(handle_, &c, &news, &made);
        order_outcome outcome(made);
        if (ec) {
            outcome.is_new = false;
            outcome.order = order_id();
        }
        if (ec == PERP_E_EXISTS)
            look_at(which, outcome);
        return outcome;
    }

    // A cancel of it was sent: it takes its part of the exchange's message allowance.
    void cancel_sent(const call &when, order_id order) const {
        detail::must(core_, [&](auto &ec) { cancel_sent(when, order, ec); });
    }
    void cancel_sent(const call &when, order_id order, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_orders_cancel_sent(handle_, &c, order.value());
    }

    // The exchange was asked about all orders of a job in doubt: it runs on. PERP_E_STATE: one of
    // them is in doubt.
    void settled(const call &when, const job_id &job) const {
        detail::must(core_, [&](auto &ec) { settled(when, job, ec); });
    }
    void settled(const call &when, const job_id &job, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_orders_settled(handle_, &c, &job.c());
    }

    // The client ids of all orders that an exchange lists as open at a time. Ours that were placed
    // before it and are not listed are in doubt from then on.
    perp::reconciled reconcile(const call &when, exchange_id exchange, time at,
                               const std::vector<std::string> &client_ids) const {
        return detail::must(
            core_, [&](auto &ec) { return reconcile(when, exchange, at, client_ids, ec); });
    }
    perp::reconciled reconcile(const call &when, exchange_id exchange, time at,
                               const std::vector<std::string> &client_ids,
                               std::error_code &ec) const {
        const perp_call made = when.c();
        std::vector<const char *> ids;
        for (const std::string &id : client_ids) // one with a zero in it is none of ours
            ids.push_back(id.find('\0') == std::string::npos ? id.c_str() : "");
        // Room for all that can be missing, and for some that other threads place meanwhile.
        std::vector<std::uint64_t> missing(query(when.now, ec).open + std::size_t(PERP_MAX_PLACED));
        std::vector<std::uint32_t> others(ids.size());
        perp::reconciled found;
        perp_reconciled c;
        perp_reconciled_init(&c);
        c.capacity = static_cast<std::uint32_t>(missing.size());
        c.in_doubt = missing.data();
        c.foreign_capacity = static_cast<std::uint32_t>(others.size());
        c.foreign = others.data();
        ec = perp_orders_reconcile(handle_, &made, exchange.value(), to_ns(at), ids.data(),
                                   static_cast<std::uint32_t>(ids.size()), &c);
        for (std::uint32_t i = 0; i < c.n_in_doubt && i < c.capacity; i++)
            found.in_doubt.emplace_back(missing[i]);
        if (c.n_in_doubt > c.capacity) // there was not: then all there that are in doubt
            found.in_doubt = list(order_filter::in_doubt(exchange), ec);
        for (std::uint32_t i = 0; i < c.n_foreign && i < c.foreign_capacity; i++)
            found.foreign.push_back(client_ids[others[i]]);
        return found;
    }

    // ---- Looking ----

    // PERP_E_NOT_FOUND: no such order, or no longer kept (an order is kept as long as its job is).
    order_info get(order_id order) const {
        return detail::must(core_, [&](auto &ec) { return get(order, ec); });
    }
    order_info get(order_id order, std::error_code &ec) const {
        auto info = detail::sized<perp_order_info>();
        ec = perp_orders_get(handle_, order.value(), &info);
        return order_info(info);
    }
    order_id find(std::string_view client_id) const {
        return detail::must(core_, [&](auto &ec) { return find(client_id, ec); });
    }
    order_id find(std::string_view client_id, std::error_code &ec) const noexcept {
        const detail::c_name name(client_id);
        std::uint64_t number = 0;
        ec = perp_orders_find(handle_, name.text, &number);
        return ec ? order_id() : order_id(number);
    }
    // Their numbers, in their order.
    std::vector<order_id> list(const order_filter &which = {}) const {
        return detail::must(core_, [&](auto &ec) { return list(which, ec); });
    }
    std::vector<order_id> list(const order_filter &which, std::error_code &ec) const {
        const perp_order_filter filter = which.c();
        return detail::rows<order_id, std::uint64_t>(
            ec, [&](std::uint64_t *rows, std::uint32_t capacity, std::uint32_t *count) {
                return perp_orders_list(handle_, &filter, rows, capacity, count);
            });
    }

    // What the attempt-th order of a leg of any job would be called; empty where that follows from
    // its number, which is known once it is placed.
    perp::client_id client_id(exchange_id exchange, const job_id &job, std::uint32_t leg,
                              std::uint32_t attempt = 1) const {
        return detail::must(core_,
                            [&](auto &ec) { return client_id(exchange, job, leg, attempt, ec); });
    }
    perp::client_id client_id(exchange_id exchange, const job_id &job, std::uint32_t leg,
                              std::uint32_t attempt, std::error_code &ec) const noexcept {
        char text[PERP_NAME_SIZE] = "";
        ec = perp_orders_client_id(handle_, exchange.value(), &job.c(), leg, attempt, text);
        return perp::client_id(text);
    }
    // The furthest price that the collar lets pass now, before it is rounded to the tick.
    // PERP_E_STATE: no quote or mark is fresh.
    double collar(instrument_id instrument, side of, time now, bool reduce_only = false) const {
        return detail::must(core_,
                            [&](auto &ec) { return collar(instrument, of, now, reduce_only, ec); });
    }
    double collar(instrument_id instrument, side of, time now, bool reduce_only,
                  std::error_code &ec) const noexcept {
        double price = 0;
        ec = perp_orders_collar(handle_, instrument.value(), static_cast<std::uint32_t>(of),
                                reduce_only, to_ns(now), &price);
        return price;
    }
    orders_state query(time now) const {
        return detail::must(core_, [&](auto &ec) { return query(now, ec); });
    }
    orders_state query(time now, std::error_code &ec) const noexcept {
        auto state = detail::sized<perp_orders_state>();
        ec = perp_orders_query(handle_, to_ns(now), &state);
        return orders_state(state);
    }

  private:
    void look_at(const order_key &which, order_outcome &outcome) const noexcept {
        std::uint64_t number = which.number().value();
        auto info = detail::sized<perp_order_info>();
        if (which.number() == order_id() &&
            perp_orders_find(handle_, which.client_id(), &number) != PERP_OK)
            return;
        if (perp_orders_get(handle_, number, &info) != PERP_OK)
            return;
        outcome.order = order_id(number);
        outcome.state = order_state{info.state};
    }

    perp_core *core_;
    perp_orders *handle_;
};

} // namespace perp

#endif
