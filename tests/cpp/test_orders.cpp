// Orders: the gate, what exchanges say, the finish that follows, doubt, and the allow-list.
#include "book.hpp"

namespace {

using perp::order_news;
using perp::order_request;
using perp::order_state;

// A book in which job 1 runs: it buys 0.1 on alpha and sells as much on beta.
struct running : world {
    perp::job_id job{0, 1};

    explicit running(perp::config config = accepting()) : world(std::move(config)) {
        run(1);
    }
    perp::orders orders() const noexcept {
        return core.orders();
    }
    order_request buy(double quantity, double price = 50001) const {
        return order_request::limit(job, 0, quantity, price);
    }
    order_request sell(double quantity, double price = 50050) const {
        return order_request::limit(job, 1, quantity, price);
    }
    perp::order_id placed(const order_request &wanted) const {
        const perp::placed made = orders().place(now, wanted);
        CHECK(made && made.refusal.reason == perp::gate::NONE);
        return made.order;
    }
};

static_assert(std::is_trivially_copyable_v<perp::orders>);
static_assert(!std::is_convertible_v<perp::placed, bool>);
static_assert(!std::is_constructible_v<perp::order_key, std::uint64_t>);

} // namespace

TEST("an order that the gate lets pass has a number and a client id; then the leg is used up") {
    const running w;
    const perp::placed made = w.orders().place(w.now, w.buy(0.06));
    CHECK(made && made.order == perp::order_id(1) && !made.error);
    CHECK(std::string_view(made.client_id).size() == 32);
    CHECK(made.client_id == w.orders().client_id(w.x[0], w.job, 0));
    CHECK(w.orders().find(made.client_id) == made.order);
    const perp::placed more = w.orders().place(w.now, w.buy(0.06));
    CHECK(!more && more.order == perp::order_id() && more.client_id.empty() && !more.error);
    CHECK(more.refusal.reason == perp::gate::OVER_LEG && more.refusal.asked == 0.06);
    CHECK(more.refusal.limit > 0.0399 && more.refusal.limit < 0.0401);
    CHECK(std::string_view(more.refusal.unit()) == "base");
    CHECK(std::string_view(to_string(more.refusal.reason)) == "over_leg");
    const perp::orders_state state = w.orders().query(w.now);
    CHECK(state.open == 1 && state.kept == 1 && state.placed_today == 1 && state.in_doubt == 0);
    CHECK(state.placed_total == 1 && state.fills_today == 0);
    CHECK(state.refused_today[perp::gate::OVER_LEG] == 1);
    CHECK(state.refused_today[perp::gate::KILLED] == 0);
}

TEST("all that was asked for of an order is shown") {
    const running w;
    order_request wanted = w.sell(0.04, 50060);
    wanted.tif = perp::tif::POST_ONLY;
    wanted.reduce_only = true;
    const auto first = w.orders().get(w.placed(wanted));
    CHECK(first.job == w.job && first.leg == 1 && first.attempt == 1 &&
          first.side == perp::side::SELL);
    CHECK(first.exchange == w.x[1] && first.instrument == w.btc[1] && first.quantity == 0.04);
    CHECK(first.type == perp::order_type::LIMIT && first.tif == perp::tif::POST_ONLY);
    CHECK(first.reduce_only && first.limit_price == 50060.0 && first.state == order_state::NEW);
    CHECK(first.filled == 0 && !first.price && first.placed == w.now && !first.ended);
    CHECK(!first.has_ended() && !first.cancel_requested && !first.overfilled);
    CHECK(first.exchange_id.empty() && first.text.empty());
    const auto second = w.orders().get(w.placed(order_request::market(w.job, 1, 0.01)));
    CHECK(second.attempt == 2 && !second.limit_price && second.type == perp::order_type::MARKET);
    CHECK(second.tif == perp::tif::IOC && !second.reduce_only);
    CHECK(second.client_id == w.orders().client_id(w.x[1], w.job, 1, 2));
}

TEST("many are decided in their order, and each has its own answer") {
    const running w;
    const auto made = w.orders().place_many(
        w.now, {w.buy(0.1), w.buy(0.1), order_request::market({0, 9}, 0, 1), w.sell(0.1)});
    CHECK(made.size() == 4 && made[0] && !made[1] && !made[2] && made[3]);
    CHECK(made[1].refusal.reason == perp::gate::OVER_LEG && !made[1].error);
    CHECK(made[2].error == PERP_E_NOT_FOUND && made[2].refusal.reason == perp::not_asked);
    CHECK(made[3].order == perp::order_id(2));
    CHECK(w.orders().list().size() == 2 && w.orders().place_many(w.now, {}).empty());
    const std::vector<order_request> many(PERP_MAX_PLACED + 1, w.buy(0.1));
    CHECK(THROWN(w.orders().place_many(w.now, many)) == PERP_E_INVALID);
}

TEST("fills count at once and only once, and the job is finished from its orders") {
    const running w;
    const auto buy = w.placed(w.buy(0.1)), sell = w.placed(w.sell(0.1));
    auto said = w.orders().on_order(w.now, buy, order_news::accepted("A-7"));
    CHECK(said.is_new && said.state == order_state::OPEN && said.order == buy && !said.finished);
    const auto trade = order_news::fill("t1", 0.04, 50001, 0.25_usd);
    said = w.orders().on_order(w.now, buy, trade);
    CHECK(said.state == order_state::OPEN);
    CHECK(w.core.positions().query(w.btc[0], w.now).quantity == 0.04);
    CHECK(w.core.capital().snapshot(w.x[0]).today.fees == 0.25_usd);
    std::error_code ec;
    said = w.orders().on_order(w.now, buy, trade, ec);
    CHECK(ec == PERP_E_EXISTS && !said.is_new && said.state == order_state::OPEN);
    CHECK(said.order == buy && w.core.capital().snapshot(w.x[0]).today.fees == 0.25_usd);
    CHECK(THROWN(w.orders().on_order(w.now, buy, order_news::fill("t1", 0.05, 50001, 0_usd))) ==
          PERP_E_CONFLICT);
    const std::string client_id(w.orders().get(buy).client_id);
    said = w.orders().on_order(w.now, client_id,
                               order_news::fill("t2", 0.06, 50002, 0.25_usd).pnl(3_usd));
    CHECK(said.state == order_state::FILLED && said.order == buy);
    said = w.orders().on_order(w.now, client_id, order_news::cancelled());
    CHECK(!said.is_new && said.state == order_state::FILLED && said.order == buy);
    const auto info = w.orders().get(buy);
    CHECK(info.has_ended() && info.exchange_id == "A-7" && info.filled == 0.1);
    CHECK(info.price && *info.price > 50001.5 && *info.price < 50001.7);
    CHECK(info.fees == 0.5_usd && info.pnl == 3_usd && info.ended == w.now);
    CHECK(info.volume == usd::round(0.04 * 50001) + usd::round(0.06 * 50002));

    // The other one stands: the job can't be finished yet, and not by what a host says.
    const auto scheduler = w.core.scheduler();
    CHECK(THROWN(scheduler.finish(w.now, w.job, perp::job_result().from_orders())) == PERP_E_STATE);
    CHECK(w.orders().list(perp::order_filter::live()) == std::vector<perp::order_id>{sell});
    w.orders().cancel_sent(w.now, sell);
    CHECK(w.orders().get(sell).cancel_requested);
    w.orders().on_order(w.now, sell, order_news::total(0.1, 50050, 0.5_usd));
    CHECK(w.orders().get(sell).state == order_state::FILLED);
    CHECK(THROWN(scheduler.finish(w.now, w.job, perp::job_result())) == PERP_E_INVALID);
    CHECK(scheduler.finish(w.now, w.job, perp::job_result().from_orders()).state ==
          perp::job_state::OPEN);
    CHECK(w.orders().query(w.now).fills_today == 3);
    w.core.check();
}

TEST("an order ends as the exchange says, with its words") {
    const running w;
    const struct {
        order_news said;
        order_state state;
    } ends[] = {{order_news::cancelled("by you"), order_state::CANCELLED},
                {order_news::expired("by you"), order_state::EXPIRED},
                {order_news::declined("by you"), order_state::DECLINED},
                {order_news::rejected("by you"), order_state::REJECTED}};
    for (const auto &end : ends) {
        const auto order = w.placed(w.buy(0.1));
        CHECK(w.orders().on_order(w.now, order, end.said).state == end.state);
        const auto info = w.orders().get(order);
        CHECK(info.state == end.state && info.text == "by you" && info.ended == w.now);
    }
    const auto order = w.placed(w.buy(0.1));
    CHECK(w.orders().on_order(w.now, order, order_news::cancelled(std::string(500, 'x'))).is_new);
    CHECK(w.orders().get(order).text == std::string(127, 'x'));
    CHECK(w.core.scheduler().finish(w.now, w.job, perp::job_result().from_orders()).state ==
          perp::job_state::FAILED);
}

TEST("what an exchange says of an order is refused where it makes no sense, never cut") {
    const running w;
    const auto order = w.placed(w.buy(0.1));
    const std::string long_id(64, 'x');
    const std::string_view zero("t\0x", 3);
    for (const std::string_view id : {std::string_view(long_id), zero, std::string_view()})
        CHECK(THROWN(w.orders().on_order(w.now, order, order_news::fill(id, 0.1, 50001, 0_usd))) ==
              PERP_E_INVALID);
    CHECK(THROWN(w.orders().on_order(w.now, order, order_news::accepted(long_id))) ==
          PERP_E_INVALID);
    CHECK(THROWN(w.orders().on_order(w.now, order, order_news::accepted(zero))) == PERP_E_INVALID);
    CHECK(THROWN(w.orders().on_order(w.now, order, order_news::fill("t", 0.21, 50001, 0_usd))) ==
          PERP_E_INVALID);
    CHECK(THROWN(w.orders().on_order(w.now, "nobody", order_news::unknown())) == PERP_E_NOT_FOUND);
    CHECK(THROWN(w.orders().on_order(w.now, perp::order_id(9), order_news::unknown())) ==
          PERP_E_NOT_FOUND);
    CHECK(THROWN(w.orders().on_order(w.now, perp::order_id(), order_news::unknown())) ==
          PERP_E_NOT_FOUND);
    CHECK(w.orders().get(order).state == order_state::NEW);
    std::error_code ec;
    CHECK(!w.orders().on_order(w.now, "nobody", order_news::unknown(), ec).is_new);
    CHECK(ec == PERP_E_NOT_FOUND);
    w.orders().on_order(w.now, order,
                        order_news::total(0.05, 50001, 0_usd).at(w.now - 1s).exchange_id("A-1"));
    CHECK(w.orders().get(order).exchange_id == "A-1" && w.orders().get(order).filled == 0.05);
    CHECK(THROWN(w.orders().on_order(w.now, order, order_news::total(0.04, 50001, 0_usd))) ==
          PERP_E_STALE);
    CHECK(THROWN(w.orders().on_order(w.now, order, order_news::fill("t", 0.01, 50001, 0_usd))) ==
          PERP_E_INVALID); // it is reported by totals
}

TEST("a call that failed reads as a yes nowhere, and placing throws nothing with a code") {
    const running w;
    std::error_code ec;
    const auto none = w.orders().place(w.now, order_request::market({0, 9}, 0, 1), ec);
    CHECK(ec == PERP_E_NOT_FOUND && !none && none.refusal.reason == perp::not_asked);
    CHECK(none.error == ec && none.client_id.empty());
    CHECK(THROWN(w.orders().place(w.now, w.buy(-1))) == PERP_E_INVALID);
    CHECK(THROWN(w.orders().get(perp::order_id(5))) == PERP_E_NOT_FOUND);
    CHECK(THROWN(w.orders().cancel_sent(w.now, perp::order_id(5))) == PERP_E_NOT_FOUND);
    CHECK(w.orders().find("nobody", ec) == perp::order_id() && ec == PERP_E_NOT_FOUND);
    CHECK(THROWN(w.orders().client_id(w.x[0], w.job, 0, 0)) == PERP_E_INVALID);
    CHECK(w.orders().list({}, ec).empty() && !ec);
    const perp::core closed;
    CHECK(THROWN(closed.orders().place(w.now, w.buy(0.1))) == PERP_E_INVALID);
    CHECK(THROWN(closed.orders().query(w.now)) == PERP_E_INVALID);
    static_assert(noexcept(w.orders().place(w.now, std::declval<const order_request &>(), ec)));
    static_assert(noexcept(w.orders().on_order(std::declval<const perp::call &>(),
                                               std::declval<const perp::order_key &>(),
                                               std::declval<const order_news &>(), ec)));
}

TEST("an order in doubt is listed so, and its job is settled once the exchange was asked") {
    const running w;
    const auto buy = w.placed(w.buy(0.1)), sell = w.placed(w.sell(0.1));
    w.orders().on_order(w.now, buy, order_news::unknown());
    CHECK(w.orders().list(perp::order_filter::in_doubt()) == std::vector<perp::order_id>{buy});
    CHECK(w.orders().list(perp::order_filter::in_doubt(w.x[1])).empty());
    CHECK(w.orders().list(perp::order_filter::live(w.x[1])) == std::vector<perp::order_id>{sell});
    CHECK(w.orders().list(perp::order_filter::of(w.job)).size() == 2);
    CHECK(THROWN(w.orders().list(perp::order_filter::of({0, 9}))) == PERP_E_NOT_FOUND);
    perp::order_filter filled;
    filled.state = order_state::FILLED;
    CHECK(w.orders().list(filled).empty());

    w.core.scheduler().finish(w.now, w.job, perp::job_result(perp::result_status::UNKNOWN));
    CHECK(w.state(1) == perp::job_state::IN_DOUBT);
    CHECK(THROWN(w.orders().place(w.now, w.buy(0.1))) == PERP_E_STATE);
    CHECK(THROWN(w.orders().settled(w.now, w.job)) == PERP_E_STATE);
    w.orders().on_order(w.now, buy, order_news::rejected("not found"));
    w.orders().settled(w.now, w.job);
    CHECK(w.state(1) == perp::job_state::RUNNING && w.placed(w.buy(0.1)) == perp::order_id(3));
    CHECK(THROWN(w.orders().settled(w.now, w.job)) == PERP_E_NOT_FOUND);
}

TEST("a list of open orders shows what is missing and what is foreign") {
    const running w;
    const auto first = w.placed(w.buy(0.04)), second = w.placed(w.buy(0.06));
    w.placed(w.sell(0.1)); // on another exchange
    const std::string known(w.orders().get(first).client_id);
    const auto found =
        w.orders().reconcile(w.now, w.x[0], w.now + 1s, {known, "other", std::string("x\0y", 3)});
    CHECK(found.in_doubt == std::vector<perp::order_id>{second});
    CHECK(found.foreign == (std::vector<std::string>{"other", std::string("x\0y", 3)}));
    CHECK(w.orders().query(w.now).has_foreign(w.x[0]) &&
          !w.orders().query(w.now).has_foreign(w.x[1]));
    CHECK(w.orders().query(w.now).in_doubt == 1);
    const auto again = w.orders().reconcile(w.now, w.x[0], w.now + 1s, {known});
    CHECK(again.in_doubt.empty() && again.foreign.empty());
    CHECK(!w.orders().query(w.now).has_foreign(w.x[0]));
    CHECK(THROWN(w.orders().reconcile(w.now, perp::exchange_id(9), w.now, {})) == PERP_E_NOT_FOUND);
}

TEST("the time of a late fill says whether a report of the position had it") {
    for (const bool timed : {true, false}) {
        perp::config config = accepting();
        config.read_json("{\"capital\":{\"drift_tolerance_usd\":1000000}}"); // nothing latches
        running w(std::move(config));
        const auto order = w.placed(w.buy(0.1));
        w.orders().on_order(w.now, order, order_news::cancelled());
        w.core.scheduler().finish(w.now, w.job, perp::job_result().from_orders());
        const perp::time then = w.now + 5s;
        w.now += 10s;
        w.core.positions().account(w.now, {w.x[0], {{w.btc[0], 0.1}}, 1'000'000_usd});
        auto late = order_news::fill("t", 0.1, 50001, 0_usd);
        if (timed)
            late.at(then);
        w.orders().on_order(w.now, order, late);
        CHECK(w.core.positions().query(w.btc[0], w.now).unexplained == (timed ? 0 : 0.1));
    }
}

TEST("what is unhedged while a job runs is counted at once") {
    const running w;
    w.orders().on_order(w.now, w.placed(w.buy(0.1)), order_news::fill("t", 0.1, 50001, 0_usd));
    const perp::orders_state state = w.orders().query(w.now);
    CHECK(state.unhedged_jobs == 1 && state.unhedged_since == w.now);
    CHECK(state.unhedged_usd > 4'999_usd && state.unhedged_usd < 5'001_usd);
}

TEST("with auto_finish the fill of the last order finishes its job") {
    perp::config config = accepting();
    config.read_json("{\"orders\":{\"auto_finish\":true}}");
    const running w(std::move(config));
    const auto buy = w.placed(w.buy(0.1)), sell = w.placed(w.sell(0.1));
    CHECK(!w.orders().on_order(w.now, buy, order_news::fill("b", 0.1, 50001, 0_usd)).finished);
    const auto last = w.orders().on_order(w.now, sell, order_news::fill("s", 0.1, 50050, 0_usd));
    CHECK(last.finished == perp::job_state::OPEN && w.state(1) == perp::job_state::OPEN);
}

TEST("the collar says how far a price may go, and the gate holds an order to it") {
    const running w;
    const double highest = w.orders().collar(w.btc[0], perp::side::BUY, w.now);
    CHECK(highest > 50500 && highest < 50502); // 100 bps above the mid
    CHECK(w.orders().collar(w.btc[0], perp::side::BUY, w.now, true) > 54000);
    const auto far = w.orders().place(w.now, w.buy(0.1, highest + 1));
    CHECK(far.refusal.reason == perp::gate::PRICE_COLLAR && far.refusal.limit == highest);
    CHECK(w.orders().place(w.now, w.buy(0.1, highest)));
    CHECK(THROWN(w.orders().collar(perp::instrument_id(9), perp::side::BUY, w.now)) ==
          PERP_E_NOT_FOUND);
    CHECK(THROWN(w.orders().collar(w.btc[0], perp::side::BUY, w.now + 1h)) == PERP_E_STATE);
}

TEST("the executor is told of each leg what its next order is called, and how far it may go") {
    std::vector<perp::order> told;
    perp::config config;
    config.callbacks.execute = [&](const perp::execution &e) {
        for (const perp::order &leg : e.orders())
            told.push_back(leg);
        return perp::outcome::ACCEPTED;
    };
    const running w(std::move(config));
    CHECK(told.size() == 2);
    for (std::uint32_t leg = 0; leg < told.size(); leg++) {
        CHECK(told[leg].attempt == 1 && !told[leg].reduce_only);
        CHECK(told[leg].client_id == w.orders().client_id(w.x[leg], w.job, leg));
        CHECK(told[leg].limit_price ==
              w.orders().collar(w.btc[leg], leg ? perp::side::SELL : perp::side::BUY, w.now));
    }
    CHECK(w.orders().get(w.placed(w.buy(0.1))).client_id == told[0].client_id);
    CHECK(told[0].client_id != told[1].client_id && told[0].client_id == told[0].client_id.c_str());
}

TEST("an exchange says how it wants client ids written, and how many messages it takes") {
    world w(accepting());
    perp::exchange_spec spec("gamma");
    CHECK(spec.client_id_format == perp::client_id_format::HEX && spec.order_rate_per_s == 0);
    CHECK(spec.client_id_prefix.empty() && spec.order_burst == 1);
    spec.client_id_format = perp::client_id_format::HEX_0X;
    spec.client_id_prefix = "desk-1";
    spec.order_rate_per_s = 2;
    spec.order_burst = 1;
    const auto x = w.core.add_exchange(spec);
    const perp::exchange_spec back = w.core.exchange(x);
    CHECK(back.client_id_format == perp::client_id_format::HEX_0X && back.order_burst == 1);
    CHECK(back.client_id_prefix == "desk-1" && back.order_rate_per_s == 2);
    CHECK(std::string_view(to_string(back.client_id_format)) == "0x");
    const std::string id(w.core.orders().client_id(x, {0, 1}, 0));
    CHECK(id.size() == 6 + 2 + 32 && id.rfind("desk-10x", 0) == 0);
    spec = perp::exchange_spec("delta");
    spec.client_id_prefix = "no spaces";
    CHECK(THROWN(w.core.add_exchange(spec)) == PERP_E_INVALID);
    spec.client_id_prefix = std::string(64, 'x');
    CHECK(THROWN(w.core.add_exchange(spec)) == PERP_E_INVALID);

    // Two orders a second: the second one waits.
    perp::exchange_spec slow = w.core.exchange(w.x[0]);
    slow.order_rate_per_s = 2;
    w.core.update(w.now, slow);
    w.run(1);
    CHECK(w.core.orders().place(w.now, order_request::limit({0, 1}, 0, 0.01, 50001)));
    const auto waits = w.core.orders().place(w.now, order_request::limit({0, 1}, 0, 0.01, 50001));
    CHECK(waits.refusal.reason == perp::gate::ORDER_RATE && waits.refusal.limit == 5e8);
    CHECK(std::string_view(waits.refusal.unit()) == "ns");
    // On another exchange of integers, an id is known once it is placed.
    perp::exchange_spec numbers("epsilon");
    numbers.client_id_format = perp::client_id_format::U32;
    CHECK(w.core.orders().client_id(w.core.add_exchange(numbers), {0, 1}, 0).empty());
}

TEST("what is latched says since when, and what lifts it") {
    perp::config config;
    config.read_json("{\"risk\":{\"max_consecutive_failures\":1}}");
    const world w(std::move(config));
    CHECK(w.core.risk().latches().empty());
    w.core.risk().record_failure(w.now);
    const auto latched = w.core.risk().latches();
    CHECK(latched.size() == 1 && latched[0].kind == perp::latch_kind::HALT);
    CHECK(latched[0].since == w.now && latched[0].lifted_by == "reset_halt");
    CHECK(!latched[0].strategy && !latched[0].instrument && latched[0].base.empty());
    CHECK(!latched[0].by.empty());
    const perp::core closed;
    CHECK(THROWN(closed.risk().latches()) == PERP_E_INVALID);
}

TEST("once the allow-list has a row, what no row names is refused") {
    const world w;
    const auto why = [&] { return w.core.risk().evaluate(w.now, w.pair(1)).reason(); };
    CHECK(why() == perp::reason::NONE);
    w.core.risk().allow(w.now, "ETH/*");
    CHECK(why() == perp::reason::NOT_ALLOWED);
    CHECK(THROWN(w.core.risk().allow(w.now, "BTC/*")) == PERP_E_INVALID); // no actor and reason
    const perp::call signed_call{w.now, "ann", "a test"};
    w.core.risk().allow(signed_call, "BTC/USDT:USDT", w.x[0], perp::strategy::ARB);
    CHECK(why() == perp::reason::NOT_ALLOWED); // of the other leg
    w.core.risk().allow(signed_call, "BTC/*", w.x[1], perp::strategy::WASH);
    CHECK(why() == perp::reason::NOT_ALLOWED);
    w.core.risk().allow(signed_call, "BTC/*", w.x[1]);
    CHECK(why() == perp::reason::NONE);
    CHECK(THROWN(w.core.risk().disallow(w.now, "BTC/*")) == PERP_E_NOT_FOUND); // of all exchanges
    w.core.risk().disallow(w.now, "BTC/*", w.x[1]);
    CHECK(why() == perp::reason::NOT_ALLOWED);
    w.core.risk().disallow(w.now, "BTC/*", w.x[1], perp::strategy::WASH);
    w.core.risk().disallow(w.now, "BTC/USDT:USDT", w.x[0], perp::strategy::ARB);
    CHECK(THROWN(w.core.risk().disallow(w.now, "ETH/*")) == PERP_E_INVALID);
    w.core.risk().disallow(signed_call, "ETH/*");
    CHECK(why() == perp::reason::NONE);
    std::error_code ec;
    w.core.risk().allow(w.now, std::string(100, 'x'), perp::all_exchanges, std::nullopt, ec);
    CHECK(ec == PERP_E_INVALID);
}
