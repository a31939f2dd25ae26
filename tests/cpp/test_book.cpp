// Books: opening and closing, errors, decisions, market data.
#include "book.hpp"

// ---- Opening and closing ------------------------------------------------------------------------

static_assert(!std::is_copy_constructible_v<perp::core> && !std::is_copy_assignable_v<perp::core>);
static_assert(std::is_nothrow_move_constructible_v<perp::core>);
static_assert(!std::is_copy_constructible_v<perp::store>);
static_assert(std::is_trivially_copyable_v<perp::core_ref>);
static_assert(std::is_trivially_copyable_v<perp::scheduler>);

// What refers to something can't be taken from what ends at once.
#define OFFERS(name, expression)                                                                   \
    template <class T, class = void> constexpr bool name = false;                                  \
    template <class T> constexpr bool name<T, std::void_t<decltype(expression)>> = true
OFFERS(has_capital, std::declval<T>().capital());
OFFERS(has_market, std::declval<T>().market());
OFFERS(has_risk, std::declval<T>().risk());
OFFERS(has_scheduler, std::declval<T>().scheduler());
OFFERS(has_orders, std::declval<T>().orders());
OFFERS(has_monitor, std::declval<T>().monitor());
OFFERS(has_legs, std::declval<T>().legs());
OFFERS(has_items, std::declval<T>().items());
OFFERS(has_begin, std::declval<T>().begin());
OFFERS(has_alerts, std::declval<T>().alerts());
OFFERS(has_running_jobs, std::declval<T>().running_jobs());
static_assert(has_capital<perp::core &> && has_capital<const perp::core &>);
static_assert(!has_capital<perp::core> && !has_capital<const perp::core>);
static_assert(!has_market<perp::core> && !has_risk<perp::core> && !has_scheduler<perp::core>);
static_assert(has_orders<perp::core &> && has_orders<perp::core_ref> && !has_orders<perp::core>);
static_assert(!has_monitor<perp::core> && has_monitor<perp::core_ref>);
static_assert(!std::is_constructible_v<perp::core_ref, perp::core>);
static_assert(std::is_constructible_v<perp::core_ref, perp::core &>);
static_assert(has_legs<const perp::evaluation &> && !has_legs<perp::evaluation>);
static_assert(has_items<perp::tick_result &> && !has_items<perp::tick_result>);
static_assert(has_begin<const perp::tick_result &> && !has_begin<perp::tick_result>);
static_assert(has_capital<perp::snapshot &> && !has_capital<perp::snapshot>);
static_assert(has_alerts<perp::snapshot &> && !has_alerts<const perp::snapshot>);
static_assert(!has_running_jobs<perp::snapshot>);
// Builders hand a temporary on by value, and a variable by reference.
static_assert(std::is_same_v<decltype(std::declval<perp::job>().edge_bps(1)), perp::job>);
static_assert(std::is_same_v<decltype(std::declval<perp::job &>().edge_bps(1)), perp::job &>);
static_assert(std::is_same_v<decltype(std::declval<perp::job_result>().flat()), perp::job_result>);

TEST("a core gives all of its memory back when it goes out of scope") {
    memory counted;
    {
        perp::config config;
        counted.use(config);
        const world w(std::move(config));
        w.run(1);
        CHECK(counted.blocks > 0 && counted.bytes > 0);
    }
    CHECK(counted.blocks == 0 && counted.bytes == 0);
}

TEST("moving hands the book over, and handles taken before stay good") {
    memory counted;
    perp::config config;
    counted.use(config);
    perp::core first = perp::core::open(std::move(config));
    const perp::exchange_id x = first.add_exchange("alpha");
    const perp::capital capital = first.capital();
    const perp_core *handle = first.native_handle();
    perp::core second = std::move(first);
    CHECK(second.native_handle() == handle && second);
    capital.update_equity(START, x, 5_usd);
    CHECK(second.capital().snapshot(x).equity == 5_usd);
    second = perp::core(); // closes what it had
    CHECK(counted.blocks == 0 && !second);
    second.close();
}

TEST("a core that is closed or was never opened fails with a status") {
    perp::core none;
    CHECK(THROWN(none.capital().update_equity(START, perp::exchange_id(0), 1_usd)) ==
          PERP_E_INVALID);
    CHECK(THROWN(none.scheduler().tick(START)) == PERP_E_INVALID);
    CHECK(THROWN(none.check()) == PERP_E_INVALID);
    CHECK(THROWN(none.add_exchange("a")) == PERP_E_INVALID);
    CHECK(THROWN(none.monitor().snapshot(START)) == PERP_E_INVALID);
    CHECK(THROWN(none.market().set_source({})) == PERP_E_STATE);
    CHECK(none.hash() == 0 && !none.clock() && none.exchange_count() == 0);
}

TEST("a configuration that is wrong is refused with the path of the field") {
    perp::config config;
    config->capital.wash_ppm = 1;
    std::string what;
    try {
        (void)perp::core::open(std::move(config));
    } catch (const perp::error &e) {
        what = e.what();
        CHECK(e.code() == PERP_E_CONFIG);
    }
    CHECK(what.find("capital") != std::string::npos);
    perp::config other;
    CHECK(THROWN(other.read_json("{\"risk\":{\"mdoe\":1}}")) == PERP_E_CONFIG);
    other.read_json("{\"risk\":{\"mode\":\"conservative\"}}");
    CHECK(other->risk.mode == PERP_MODE_CONSERVATIVE);
    other.check();
    perp::config back;
    back.read_json(other.json());
    CHECK(back.json() == other.json());
    CHECK(perp::config().read_json("{}").read_json(other.json()).json() == other.json());
    const perp::core core = perp::core::open(std::move(other));
    CHECK(core.config()->risk.mode == PERP_MODE_CONSERVATIVE);
}

// ---- Errors -------------------------------------------------------------------------------------

TEST("an exception carries the status and the library's message") {
    const world w;
    std::string what;
    try {
        w.core.capital().update_equity(w.now, perp::exchange_id(9), 1_usd);
    } catch (const std::system_error &e) {
        what = e.what();
        CHECK(e.code() == PERP_E_NOT_FOUND);
    }
    CHECK(what.find(w.core.message()) != std::string::npos && !w.core.message().empty());
    CHECK(THROWN(w.core.risk().reset_halt(w.now)) == PERP_E_INVALID); // no actor and reason
    w.core.risk().reset_halt({w.now, "ann", "a test"});
}

TEST("with an error code nothing is thrown, and the code is cleared on success") {
    const world w;
    std::error_code ec;
    w.core.capital().update_equity(w.now, perp::exchange_id(9), 1_usd, ec);
    CHECK(ec == PERP_E_NOT_FOUND && !w.core.message().empty());
    w.core.capital().update_equity(w.now, w.x[0], 1_usd, ec);
    CHECK(!ec);
    w.core.scheduler().job({0, 77}, ec);
    CHECK(ec == PERP_E_NOT_FOUND);
    w.core.market().on_quote({w.btc[0], w.now, 2, 1, 1, 1}, ec);
    CHECK(ec == PERP_E_INVALID);
    w.core.market().query(perp::instrument_id(), w.now, ec);
    CHECK(ec == PERP_E_NOT_FOUND);
    w.core.monitor().changes(1u << 30, ec);
    CHECK(ec == PERP_E_RANGE);
    CHECK(w.core.monitor().json(w.now, ec).size() > 100 && !ec);
    (void)perp::store::sqlite("/nowhere/at/all", {}, ec);
    CHECK(ec);
    static_assert(noexcept(w.core.capital().update_equity(w.now, w.x[0], 1_usd, ec)));
    static_assert(noexcept(w.core.market().on_quote(std::declval<const perp::quote &>(), ec)));
    static_assert(noexcept(w.core.risk().evaluate(w.now, std::declval<const perp::job &>(), ec)));
}

TEST("a call that failed reads as a yes nowhere") {
    const world w;
    const perp::capital capital = w.core.capital();
    const perp::exchange_id none(7);
    std::error_code ec;
    const auto made = capital.reserve(w.now, none, perp::pool::ARB, 1_usd, std::nullopt, ec);
    CHECK(!made && ec == PERP_E_NOT_FOUND && made.refusal.reason == perp::no_answer);
    CHECK(!capital.reserve_for_arb(w.now, none, 1_usd, std::nullopt, ec) && ec);
    CHECK(!capital.reserve_for_wash(w.now, none, 1_usd, std::nullopt, ec) && ec);
    const perp::job bad =
        perp::job({0, 1}, perp::strategy::ARB, 1_usd).buy(perp::instrument_id(9), 1);
    CHECK(capital.can_reserve_for_job(bad, ec).reason == perp::no_answer && ec);
    CHECK(!capital.reserve_for_job(w.now, bad, ec) && ec);
    CHECK(!w.core.risk().evaluate(w.now, bad, ec).accepted());
    const perp::core closed;
    CHECK(!closed.capital().reserve(w.now, w.x[0], perp::pool::ARB, 1_usd, std::nullopt, ec) && ec);
    CHECK(capital.reserve(w.now, w.x[0], perp::pool::ARB, 1_usd, perp::reservation_key(1, 1), ec));
    CHECK(capital.reserve(w.now, w.x[0], perp::pool::ARB, 1_usd, perp::reservation_key(1, 1), ec));
    CHECK(ec == PERP_E_EXISTS); // it is there
}

TEST("an amount that came out as 0 is no order to settle all") {
    const world w;
    const perp::capital capital = w.core.capital();
    const auto made = capital.reserve(w.now, w.x[0], perp::pool::ARB, 10_usd);
    std::error_code ec;
    for (const usd amount : {0_usd, usd() - 1_usd, 11_usd}) {
        CHECK(THROWN(capital.confirm(w.now, made.id, amount)) == PERP_E_RANGE);
        CHECK(THROWN(capital.release(w.now, made.id, amount)) == PERP_E_RANGE);
        capital.confirm(w.now, made.id, amount, ec);
        CHECK(ec == PERP_E_RANGE);
        capital.release(w.now, made.id, amount, ec);
        CHECK(ec == PERP_E_RANGE);
    }
    CHECK(capital.reservations().at(0).in_flight == 10_usd);
    capital.confirm(w.now, made.id, 4_usd, ec);
    CHECK(!ec && capital.reservations().at(0).used == 4_usd);
    capital.confirm(w.now, made.id, ec);
    CHECK(!ec && capital.reservations().at(0).used == 10_usd);
    capital.release(w.now, made.id, 1_usd, ec);
    CHECK(!ec && capital.reservations().size() == 1);
    capital.release(w.now, made.id, ec);
    CHECK(!ec && capital.reservations().empty());
    const auto other = capital.reserve(w.now, w.x[0], perp::pool::ARB, 10_usd);
    capital.confirm(w.now, other.id);
    CHECK(capital.reservations().at(0).used == 10_usd);
}

TEST("a name that is too long or has a zero in it is refused, never cut") {
    const world w;
    const std::string_view alpha("alpha\0x", 7), btc("BTC/USDT:USDT\0x", 15);
    CHECK(w.core.find_exchange(alpha.substr(0, 5)) == w.x[0]);
    CHECK(THROWN(w.core.find_exchange(alpha)) == PERP_E_NOT_FOUND);
    CHECK(THROWN(w.core.find_exchange(std::string(100, 'x'))) == PERP_E_NOT_FOUND);
    CHECK(w.core.find_instrument(w.x[0], btc.substr(0, 13)) == w.btc[0]);
    CHECK(THROWN(w.core.find_instrument(w.x[0], btc)) == PERP_E_NOT_FOUND);
    CHECK(THROWN(w.core.risk().blacklist(w.now, btc)) == PERP_E_INVALID);
    CHECK(w.core.add_exchange(alpha.substr(0, 5)) == w.x[0]);
    CHECK(THROWN(w.core.add_exchange(alpha)) == PERP_E_INVALID);
    CHECK(w.core.add_instrument({w.x[0], btc.substr(0, 13)}) == w.btc[0]);
    CHECK(THROWN(w.core.add_exchange(std::string(64, 'x'))) == PERP_E_INVALID);
    CHECK(THROWN(w.core.add_exchange(std::string("a\0b", 3))) == PERP_E_INVALID);
    CHECK(w.core.exchange(w.core.add_exchange(std::string(63, 'x'))).name == std::string(63, 'x'));
}

// ---- Registry and money -------------------------------------------------------------------------

TEST("what is added comes back as it was given, and may be added again") {
    const world w;
    perp::exchange_spec spec("gamma");
    spec.venue = "venue";
    spec.max_concurrent = 3;
    spec.max_notional = 1'234.5_usd;
    spec.maker_fee_bps = -1;
    const perp::exchange_id x = w.core.add_exchange(spec);
    CHECK(w.core.add_exchange(spec) == x && w.core.find_exchange("gamma") == x);
    std::error_code ec;
    CHECK(w.core.add_exchange(spec, ec) == x && ec == PERP_E_EXISTS);
    spec.maker_fee_bps = 0;
    CHECK(THROWN(w.core.add_exchange(spec)) == PERP_E_CONFLICT);
    const perp::exchange_spec back = w.core.exchange(x);
    CHECK(back.name == "gamma" && back.venue == "venue" && back.max_concurrent == 3u);
    CHECK(back.max_notional == 1'234.5_usd && !w.core.exchange(w.x[0]).max_notional);

    perp::instrument_spec eth(x, "ETH/USDT:USDT");
    eth.kind = perp::kind::PERP;
    eth.funding_interval = 4h;
    eth.min_notional = 5_usd;
    eth.tiers = {{0, 1000, 0.01, 0, 50}, {1000, 0, 0.02, 10, 20}};
    const perp::instrument_id id = w.core.add_instrument(eth);
    CHECK(w.core.find_instrument(x, "ETH/USDT:USDT") == id && w.core.instrument_count() == 3);
    const perp::instrument_spec got = w.core.instrument(id);
    CHECK(got.base == "ETH" || got.base.empty());
    CHECK(got.min_notional == 5_usd && got.tiers.size() == 2 && got.funding_interval == 4h);
    CHECK(THROWN(w.core.find_exchange("nobody")) == PERP_E_NOT_FOUND);
}

TEST("a refusal is a result with its numbers, and a key makes a retry safe") {
    const world w;
    const perp::capital capital = w.core.capital();
    const perp::headroom room = capital.headroom(w.x[0], perp::pool::ARB);
    const perp::reserved no = capital.reserve(w.now, w.x[0], perp::pool::ARB, room.amount + 1_usd);
    CHECK(!no && no.refusal.reason == room.bound_by && no.refusal.limit == room.amount);
    CHECK(no.refusal.asked == room.amount + 1_usd && no.id == perp::reservation_id());
    const perp::reservation_key key(1, 2);
    const perp::reserved yes = capital.reserve_for_arb(w.now, w.x[0], 100_usd, key);
    CHECK(yes && capital.reserve_for_arb(w.now, w.x[0], 100_usd, key).id == yes.id);
    std::error_code ec;
    CHECK(capital.reserve_for_arb(w.now, w.x[0], 100_usd, key, ec).id == yes.id);
    CHECK(ec == PERP_E_EXISTS);
    CHECK(THROWN(capital.reserve_for_arb(w.now, w.x[0], 101_usd, key)) == PERP_E_CONFLICT);
    capital.confirm(w.now, yes.id, 40_usd);
    const auto rows = capital.reservations();
    CHECK(rows.size() == 1 && rows[0].used == 40_usd && rows[0].in_flight == 60_usd);
    CHECK(rows[0].pool == perp::pool::ARB && !rows[0].job);
    CHECK(capital.snapshot(w.x[0]).pools[perp::pool::ARB].used == 40_usd);
    capital.release(w.now, yes.id);
    CHECK(capital.reservations().empty());
    CHECK(capital.reserve_for_wash(w.now, w.x[0], 7_usd).refusal.reason == perp::reason::NONE);

    const perp::reserved_for_job both = capital.reserve_for_job(w.now, w.pair(1));
    CHECK(both && both.ids.size() == 2);
    CHECK(capital.can_reserve_for_job(w.pair(1)).reason == perp::reason::NONE);
    capital.transfer(w.now, w.x[0], -1_usd);
    capital.record_pnl(w.now, w.x[0], 5_usd, 100_usd, 1_usd);
    CHECK(capital.snapshot(w.x[0]).today.pnl == 5_usd);
    capital.correct({w.now, "ann", "a test"}, w.x[0], 10_usd);
    CHECK(capital.snapshot(w.x[0]).day_start_equity == 10_usd);
    capital.set_safe_mode(w.now, w.x[0], true);
    CHECK(capital.snapshot(w.x[0]).safe_mode);
    const std::vector<perp::feasibility> pairs = w.core.feasibility();
    CHECK(pairs.size() == 3 && pairs[0].never_for == perp::reason::NONE);
    CHECK(pairs[0].safety_score > 99 && pairs[0].min_safety_score == 70);
    CHECK(pairs[1].cost_bps == 4 && pairs[1].least_edge_bps == 3 && !pairs[2].least_edge_bps);
    w.core.check();
}

// ---- Decisions ----------------------------------------------------------------------------------

TEST("a job that would trade with itself is refused, whatever else holds") {
    world w;
    perp::exchange_spec twin("alpha-2");
    twin.venue = "alpha";
    const auto x = w.core.add_exchange(twin);
    const auto other = w.core.add_instrument({x, "BTC/USDT:USDT"});
    w.core.positions().account(w.now, {x, {}, 1'000'000_usd});
    w.core.market().on_quote({other, w.now, 50050, 10, 50051, 10});
    w.core.risk().override_on({w.now, "ann", "a test"}, 10min);
    const auto self = perp::job({0, 1}, perp::strategy::WASH, 5'000_usd)
                          .edge_bps(50)
                          .buy(w.btc[0], 0.1)
                          .sell(other, 0.1);
    const perp::evaluation e = w.core.risk().evaluate(w.now, self);
    CHECK(!e.accepted() && e.reason() == perp::reason::SELF_TRADE);
    CHECK(e.fails(perp::reason::SELF_TRADE) && !e.fails(perp::reason::KILLED));
    CHECK(THROWN(w.core.scheduler().submit(w.now, self)) == PERP_E_INVALID);
    CHECK(w.core.risk().evaluate(w.now, w.pair(2)).accepted());
}

TEST("an evaluation shows the numbers of C") {
    const world w;
    const perp::job job = w.pair(1);
    const perp::evaluation e = w.core.risk().evaluate(w.now, job);
    perp_evaluation c;
    perp_evaluation_init(&c);
    CHECK(perp_risk_evaluate(w.core.risk().native_handle(), perp::to_ns(w.now), &job.c(), &c) ==
          PERP_OK);
    CHECK(std::memcmp(&c, &e.c(), sizeof c) == 0);
    CHECK(e.accepted() && e->cost_bps > 0 && e.component(perp::component::LATENCY) >= 0);
    CHECK(e.mode() == perp::mode::BALANCED && e.daily_loss() == 0_usd && e.daily_loss_limit());
    CHECK(e.capital().reason == perp::reason::NONE);
    const perp::rule_evaluation age = e.rule(perp::reason::STALE_QUOTE);
    CHECK(age.held && !age.fails && age.value && *age.limit == 5000 && age.leg);
    const perp::rule_evaluation halt = e.rule(perp::reason::AUTO_HALT);
    CHECK(halt.held && !halt.leg && *halt.value == 0);
    CHECK(!e.rule(perp::reason::NOT_REBALANCING).held);
    std::size_t n = 0;
    for (const perp::leg_evaluation leg : e.legs())
        CHECK(leg.exchange == w.x[n] && leg.instrument == w.btc[n++] && leg.depth > 9);
    CHECK(n == 2);
    CHECK(w.core.risk().json(e).find("cost_bps") != std::string::npos);
    CHECK(w.core.risk().describe_json().find("self_trade") != std::string::npos);
}

TEST("a job runs from submit to finish, and its figures are exact") {
    std::vector<std::string> seen;
    perp::config config;
    config.callbacks.execute = [&](const perp::execution &job) {
        CHECK(job.notional() == 5'000_usd && job.metadata() == "mine" && !job.reduce_only());
        CHECK(job.now() == START && !job.is_repair() && job.dispatch() == 1 &&
              job.strategy() == perp::strategy::ARB);
        for (const perp::order o : job.orders())
            seen.push_back(to_string(o.side));
        return perp::outcome::ACCEPTED;
    };
    const world w(std::move(config));
    const perp::job job = w.pair(1).metadata("mine").priority(3);
    CHECK(w.core.scheduler().submit(w.now, job));
    CHECK(!w.core.scheduler().submit(w.now, job));                  // known already
    CHECK(w.core.scheduler().evaluate(w.now, job.id()).accepted()); // while it waits
    const perp::tick_result tick = w.core.scheduler().tick(w.now);
    CHECK(tick.status() == perp::tick_status::OK && tick->dispatched == 1);
    CHECK(tick.items().size() == 1 && tick.items()[0].kind == perp::tick_kind::DISPATCHED);
    CHECK(tick.items()[0].job == job.id() && tick.items()[0].dispatch == 1);
    CHECK((seen == std::vector<std::string>{"buy", "sell"}));
    CHECK(w.core.scheduler().list(perp::job_state::RUNNING) == std::vector<perp::job_id>{job.id()});
    const perp::finish_outcome done = w.core.scheduler().finish(
        w.now, job.id(),
        perp::job_result().leg({0.1, 50001, 0.5_usd, 1_usd}).leg({0.1, 50050, 0.25_usd, 2_usd}));
    CHECK(done.state == perp::job_state::OPEN && done.exposed.empty());
    const perp::job_info info = w.core.scheduler().job(job.id());
    CHECK(info.pnl == 3_usd && info.fees == 0.75_usd && info.job->priority == 3);
    CHECK(info.started == w.now && info.n_lots == 2 && info.balanced);
    // 5,000 on each side was in flight, and is what the lots occupy
    CHECK(info.held == 10'000_usd);
    CHECK(info.legs.size() == 2 && info.legs[1].filled == 0.1 && info.legs[1].price == 50050);
    CHECK(info.legs[0].fee == 0.5_usd && info.legs[0].pnl == 1_usd);
    CHECK(w.core.scheduler().job_metadata(job.id()) == "mine");
    std::error_code ec;
    CHECK(w.core.scheduler().job_metadata({0, 77}, ec).empty() && ec == PERP_E_NOT_FOUND);
    CHECK(!w.core.scheduler().evaluate(w.now, {0, 77}, ec).accepted() && ec == PERP_E_NOT_FOUND);
    const perp::scheduler_state state = w.core.scheduler().query();
    CHECK(state.open == 1 && state.submitted_today == 1);
    w.core.check();
}

TEST("a result that is used again, and one that was moved, work") {
    world w(accepting());
    perp::tick_result result;
    for (std::uint64_t i = 1; i < 4; i++) {
        w.core.scheduler().submit(w.now, w.pair(i));
        w.core.scheduler().tick(w.now, result);
        CHECK(result->dispatched == 1);
        perp::tick_result moved = std::move(result);
        CHECK(moved->dispatched == 1 && result->dispatched == 0);
        result = std::move(moved);
    }
    w.now += 1min; // quotes are too old now
    w.core.scheduler().submit(w.now, w.pair(9));
    w.core.scheduler().tick(w.now, result);
    CHECK(result.refused_by(perp::reason::STALE_QUOTE) == 1);
    for (const perp::tick_item item : result)
        CHECK(item.kind == perp::tick_kind::REFUSED && item.reason == perp::reason::STALE_QUOTE);
    CHECK(result->looked_at == 1);
    w.core.scheduler().tick(w.now, result); // it stands, and is listed
    CHECK(result->looked_at == 0 && result.items().size() == 1);
    perp::tick_result changes(false);
    w.core.scheduler().tick(w.now, changes);
    CHECK(changes.refused_by(perp::reason::STALE_QUOTE) == 1 && changes.items().size() == 0);
    w.core.scheduler().submit(w.now, w.pair(10));
    w.core.scheduler().tick(w.now, changes); // of two refused ones the reason of one is new
    CHECK(changes->refused == 2 && changes.items().size() == 1);
}

TEST("jobs come from JSON and from two instruments") {
    const world w;
    const perp::job read = w.core.job_from_json(
        R"({"job_id":"00000000-0000-0000-0000-000000000001","strategy_type":"arb",
            "symbol":"BTC/USDT:USDT","notional":5000,"expected_edge_bps":12,"metadata":"note",
            "legs":[{"exchange":"alpha","side":"buy","quantity":0.1},
                    {"exchange":"beta","side":"sell","quantity":0.1}]})");
    CHECK(read.id() == perp::job_id(0, 1) && read.notional() == 5'000_usd && read->n_legs == 2);
    CHECK(std::string(static_cast<const char *>(read->metadata), read->metadata_size) == "note");
    CHECK(THROWN(w.core.job_from_json("{\"legs\":1}")) == PERP_E_INVALID);
    perp::job filled({0, 2}, perp::strategy::ARB, 5'000_usd);
    w.core.fill_hedge(w.now, w.btc[1], w.btc[0], filled);
    CHECK(filled->n_legs == 2);
    CHECK(THROWN(w.core.fill_hedge(w.now, w.btc[0], w.btc[0], filled)) == PERP_E_INVALID);
}

TEST("control: pause, kill, modes, limits, cancel") {
    std::vector<perp::job_id> told;
    perp::config config = accepting();
    config.callbacks.on_kill = [&](perp::exchange_id x, auto jobs) {
        CHECK(x == perp::all_exchanges);
        told.assign(jobs.begin(), jobs.end());
    };
    const world w(std::move(config));
    const perp::scheduler s = w.core.scheduler();
    const perp::call because(w.now, "ann", "a test");
    w.run(1);
    CHECK(s.kill(w.now) == std::vector<perp::job_id>{perp::job_id(0, 1)});
    CHECK(told == std::vector<perp::job_id>{perp::job_id(0, 1)});
    CHECK(w.core.risk().query().killed);
    CHECK(THROWN(s.unkill(w.now)) == PERP_E_INVALID);
    s.unkill(because);
    s.pause(w.now);
    CHECK(s.query().paused && s.tick(w.now).status() == perp::tick_status::PAUSED);
    s.resume({w.now, "ann", "over"});
    s.submit(w.now, w.pair(2));
    s.cancel(w.now, {0, 2});
    CHECK(w.state(2) == perp::job_state::CANCELLED);
    perp::limits limits;
    limits.max_global_concurrent_jobs = 1;
    s.set_limits(w.now, limits);
    CHECK(w.core.config()->scheduler.max_global_concurrent_jobs == 1);
    limits.max_global_concurrent_jobs = 2;
    CHECK(THROWN(s.set_limits(w.now, limits)) == PERP_E_INVALID);
    w.core.risk().set_mode(w.now, perp::mode::CONSERVATIVE);
    w.core.risk().blacklist(w.now, "BTC/USDT:USDT");
    CHECK(w.core.risk().evaluate(w.now, w.pair(3)).reason() == perp::reason::BLACKLISTED);
    w.core.risk().blacklist(because, "BTC/USDT:USDT", false);
    w.core.risk().override_on(because, 1min, perp::job_id(0, 3));
    CHECK(w.core.risk().query().override_job == perp::job_id(0, 3));
    CHECK(w.core.risk().query().override_until == w.now + 1min);
    w.core.risk().override_off(w.now);
    w.core.risk().record_failure(w.now);
    CHECK(w.core.risk().query().consecutive_failures == 1);
    w.core.risk().record_success(w.now);
    CHECK(w.core.risk().query().consecutive_failures == 0);
    w.core.advance({w.now + 24h * 30, "ann", "a test"});
    CHECK(w.core.clock() == w.now + 24h * 30);
}

TEST("a strategy that failed is halted until it is reset") {
    perp::config config = accepting();
    config->risk.strategy_failures = 2;
    const world w(std::move(config));
    for (std::uint64_t i = 1; i <= 2; i++) {
        w.run(i);
        w.core.scheduler().finish(w.now, {0, i}, perp::job_result(perp::result_status::FAILED));
    }
    CHECK(w.core.risk().evaluate(w.now, w.pair(3)).reason() == perp::reason::STRATEGY_HALT);
    CHECK(w.core.monitor().alerts(w.now)[0].code == perp::alert_code::STRATEGY_HALT);
    const perp::call ann(w.now, "ann", "fixed");
    w.core.risk().reset_strategy(ann, perp::strategy::WASH);
    CHECK(!w.core.risk().evaluate(w.now, w.pair(3)).accepted());
    CHECK(THROWN(w.core.risk().reset_strategy(w.now, perp::strategy::ARB)) == PERP_E_INVALID);
    w.core.risk().reset_strategy(ann, perp::strategy::ARB);
    CHECK(w.core.risk().evaluate(w.now, w.pair(3)).accepted());
}

TEST("what is open is closed by another job, or outside of the library") {
    const world w(accepting());
    const perp::scheduler s = w.core.scheduler();
    w.run(1);
    s.finish(w.now, {0, 1}, perp::job_result().totals(0_usd, 9_usd, 0_usd));
    CHECK(w.state(1) == perp::job_state::OPEN);
    const std::vector<perp::lot> lots = w.core.positions().lots(w.btc[1]);
    CHECK(lots.size() == 1 && lots[0].job == perp::job_id(0, 1) && lots[0].leg == 1);
    CHECK(lots[0].quantity == -0.1 && lots[0].price == 50050 && lots[0].used == 5'000_usd);
    perp::job exit({0, 2}, perp::strategy::HEDGE_REBALANCE, 1_usd);
    w.core.fill_exit(w.now, {0, 1}, exit);
    CHECK(exit->n_legs == 2 && exit->legs[0].quantity == 0.1);
    CHECK(exit->legs[0].side == PERP_SIDE_SELL && perp::job_id(exit->closes) == perp::job_id(0, 1));
    s.submit(w.now, exit);
    s.tick(w.now);
    s.progress(w.now, exit.id(), {{0.05, 50000, 0_usd}, {0, 0, 0_usd}});
    CHECK(w.core.positions().query(w.btc[0], w.now).quantity < 0.051);
    std::error_code ec;
    s.progress(w.now, exit.id(), {{0.04, 50000, 0_usd}, {0, 0, 0_usd}}, ec);
    CHECK(ec == PERP_E_STALE);
    s.finish(w.now, exit.id(),
             perp::job_result().leg({0.1, 50000, 0_usd}).leg({0.1, 50051, 0_usd}).dispatch(2));
    CHECK(w.state(1) == perp::job_state::CLOSED && w.state(2) == perp::job_state::COMPLETED);
    CHECK(s.job({0, 2}).pnl == -0.2_usd && s.job({0, 1}).held == 0_usd);
    w.run(3);
    s.finish(w.now, {0, 3}, perp::job_result().totals(0_usd, 9_usd, 0_usd));
    s.close(w.now, {0, 3}, 1_usd, 2_usd, 3_usd);
    CHECK(w.state(3) == perp::job_state::CLOSED);
    w.run(4);
    s.finish(w.now, {0, 4}, perp::job_result().totals(0_usd, 9_usd, 0_usd).flat());
    CHECK(w.state(4) == perp::job_state::COMPLETED);
    w.core.check();
}

TEST("what is in doubt or partial is settled") {
    std::vector<std::string> naked;
    std::vector<perp::job_state> ends;
    perp::config config = accepting();
    config.callbacks.on_leg_risk = [&](std::string_view base, double quantity) {
        CHECK(quantity > 0.09);
        naked.emplace_back(base);
    };
    config.callbacks.on_job_end = [&](perp::job_id, perp::job_state state) {
        ends.push_back(state);
    };
    const world w(std::move(config));
    const perp::scheduler s = w.core.scheduler();
    w.run(2);
    s.finish(w.now, {0, 2}, perp::job_result(perp::result_status::UNKNOWN));
    CHECK(s.list(perp::job_state::IN_DOUBT).size() == 1);
    s.requeue(w.now, {0, 2});
    s.cancel(w.now, {0, 2});
    w.run(3);
    s.finish(w.now, {0, 3},
             perp::job_result(perp::result_status::UNKNOWN)
                 .leg({0.1, 50001, 0_usd})
                 .leg(perp::leg_result::unknown()));
    CHECK(s.job({0, 3}).legs[0].filled == 0.1);
    const perp::finish_outcome out =
        s.finish(w.now, {0, 3}, perp::job_result().leg({0.1, 50001, 0_usd}).leg({0, 0, 0_usd}));
    CHECK(out.state == perp::job_state::PARTIAL && out.exposed.size() == 1);
    CHECK(out.exposed[0].base == "BTC" && out.exposed[0].quantity > 0.09);
    CHECK(naked == std::vector<std::string>{"BTC"} && s.query().partial == 1);
    s.tick(w.now);
    const perp::base_state base = w.core.positions().bases(w.now).at(0);
    CHECK(base.base == "BTC" && base.is_naked && base.since == w.now && base.repair);
    CHECK(s.job(*base.repair).is_repair);
    s.finish(w.now, *base.repair, perp::job_result(perp::result_status::NOTHING));
    w.core.positions().resume_repair(w.now, "BTC");
    std::error_code ec;
    w.core.positions().resolve(w.now, "BTC", ec);
    CHECK(ec == PERP_E_INVALID); // takes actor and reason
    w.core.positions().resolve({w.now, "ann", "squared by hand"}, "BTC");
    CHECK(s.query().partial == 0 && !w.core.positions().bases(w.now).at(0).is_naked);
    CHECK(ends.front() == perp::job_state::CANCELLED);
    w.run(4);
    s.finish(w.now, {0, 4}, perp::job_result().leg({0.1, 50001, 0_usd}).leg({0, 0, 0_usd}));
    s.amend(w.now, {0, 4}, {{0.1, 50001, 0_usd}, {0.1, 50050, 0_usd}}); // it was filled after all
    CHECK(w.state(4) == perp::job_state::OPEN && s.job({0, 4}).legs[1].filled == 0.1);
    w.core.check();
}

TEST("rules of the host are asked, counted and named") {
    double var = 5;
    int asked = 0;
    const world w(accepting());
    const perp::risk risk = w.core.risk();
    perp::rule rule;
    rule.name = "var";
    rule.hard = true;
    rule.unit = "usd";
    rule.ask = [&](const perp::job &job, const perp::evaluation &so_far) -> perp::rule_answer {
        asked++;
        CHECK(job.c().n_legs == 2 && so_far.legs().size() == 2 && so_far.accepted());
        std::error_code ec;
        w.core.scheduler().pause(w.now, ec);
        CHECK(ec == PERP_E_STATE);
        return {perp::sense::ABOVE, var, 2};
    };
    const perp::reason number = risk.add_rule(rule);
    CHECK(number == perp::reason::HOST_1 && risk.name_of(number) == "var");
    CHECK(risk.name_of(perp::reason::KILLED) == "killed");
    rule.name = "held_by_none";
    rule.hard = false;
    rule.ask = [](const perp::job &, const perp::evaluation &) {
        return perp::rule_answer::not_held();
    };
    const perp::reason second = risk.add_rule(rule);
    std::error_code ec;
    CHECK(risk.add_rule(rule, ec) == perp::reason::NONE && ec == PERP_E_EXISTS);
    rule.name = "Not One";
    CHECK(risk.add_rule(rule, ec) == perp::reason::NONE && ec == PERP_E_INVALID);
    rule.name = std::string("a\0b", 3);
    CHECK(risk.add_rule(rule, ec) == perp::reason::NONE && ec == PERP_E_INVALID);
    rule.name = "without";
    rule.ask = nullptr;
    CHECK(risk.add_rule(rule, ec) == perp::reason::NONE && ec == PERP_E_INVALID);

    w.core.scheduler().submit(w.now, w.pair(1));
    perp::tick_result result = w.core.scheduler().tick(w.now);
    CHECK(result.refused_by(number) == 1 && asked == 1);
    const perp::evaluation found = risk.evaluate(w.now, w.pair(1));
    CHECK(found.reason() == number && found.fails(number) && !found.fails(second));
    CHECK(found.rule(number).value == 5 && found.host_sense(number) == perp::sense::ABOVE);
    CHECK(!found.rule(second).held && found.host_sense(second) == perp::sense::NONE);
    CHECK(risk.json(found).find("\"reason\":\"var\"") != std::string::npos);
    CHECK(risk.query().rejected_today[number] == 1);
    var = 1;
    risk.rule_changed(number);
    CHECK(w.core.scheduler().tick(w.now)->dispatched == 1);
    risk.rule_changed(perp::reason::HOST_7, ec);
    CHECK(ec == PERP_E_NOT_FOUND);
    CHECK(w.core.callback_failures() == 0);
}

TEST("a rule that throws refuses, and is reported") {
    const world w(accepting());
    perp::rule rule;
    rule.name = "var";
    rule.ask = [](const perp::job &, const perp::evaluation &) -> perp::rule_answer {
        throw std::runtime_error("no model");
    };
    const perp::reason number = w.core.risk().add_rule(rule);
    CHECK(w.core.risk().evaluate(w.now, w.pair(1)).reason() == number);
    CHECK(w.core.callback_failures() == 1);
    const perp::core_ref borrowed(w.core.native_handle());
    std::error_code ec;
    CHECK(borrowed.risk().add_rule(rule, ec) == perp::reason::NONE && ec == PERP_E_STATE);
}

TEST("accounts and positions are reported, and what drifts is accepted") {
    const world w(accepting());
    const perp::positions p = w.core.positions();
    p.account(w.now, {w.x[0], {{w.btc[0], -0.5, 50000, 3, 0, perp::margin::CROSS}}, 900'000_usd});
    perp::position_state state = p.query(w.btc[0], w.now);
    CHECK(state.known && state.quantity == -0.5 && state.foreign == -0.5);
    CHECK(state.leverage == 3 && state.margin_mode == perp::margin::CROSS);
    CHECK(state.report_time == w.now && w.core.capital().snapshot(w.x[0]).equity == 900'000_usd);
    CHECK(w.core.market().query(w.x[0], w.now).open_positions == 1);
    p.report(w.now + 10s, {w.btc[0], 0}, w.now + 9s);
    CHECK(p.query(w.btc[0], w.now + 10s).report_time == w.now + 9s);
    std::error_code ec;
    p.report(w.now + 10s, {w.btc[0], 1}, w.now, ec);
    CHECK(ec == PERP_E_STALE);
    CHECK(p.bases(w.now + 10s).size() == 1);
    p.accept({w.now + 10s, "ann", "known"}, w.btc[0]);
    CHECK(!p.query(w.btc[0], w.now + 10s).latched);
    w.core.risk().halt_instrument(w.now + 10s, w.btc[0], true);
    CHECK(w.core.risk().evaluate(w.now + 10s, w.pair(1)).fails(perp::reason::BLACKLISTED));
    w.core.risk().halt_instrument({w.now + 10s, "ann", "a test"}, w.btc[0], false);
    w.core.risk().set_collateral(w.now + 10s, w.x[0], "BTC", 2, 0.1);
    w.core.check();
}

TEST("cash and fills that no job made are booked once, and all can be left") {
    const world w(accepting());
    const perp::positions p = w.core.positions();
    p.record_cash(w.now, w.x[1], perp::cash::FUNDING, usd::parse("-1.5"), {0, 1}, w.btc[1]);
    CHECK(w.core.capital().snapshot(w.x[1]).today.funding == usd::parse("-1.5"));
    CHECK(THROWN(p.record_cash(w.now, w.x[1], perp::cash::FUNDING, usd::parse("-1.5"), {0, 1},
                               w.btc[1])) == PERP_E_EXISTS);
    CHECK(THROWN(p.record_cash(w.now, w.x[1], perp::cash::REBATE, 1_usd, {0, 1})) ==
          PERP_E_CONFLICT);
    p.record_fill(w.now, {w.btc[0], perp::side::BUY, 0.2, 50000, 1_usd}, {0, 2});
    CHECK(p.query(w.btc[0], w.now).foreign == 0.2);
    CHECK(THROWN(p.record_fill(w.now, {w.btc[0], perp::side::BUY, 0.2, 50000, 1_usd}, {0, 2})) ==
          PERP_E_EXISTS);
    p.record_fill(w.now, {w.btc[0], perp::side::SELL, 0.1, 50010, 0_usd, 7_usd, w.now}, {0, 3});
    CHECK(w.core.capital().snapshot(w.x[0]).today.pnl == 7_usd);
    const perp::scheduler s = w.core.scheduler();
    std::error_code ec;
    CHECK(s.flatten(w.now, {0, 40}, perp::all_exchanges, "", ec).empty() && ec == PERP_E_INVALID);
    const auto left = s.flatten({w.now, "ann", "leave"}, {0, 40});
    CHECK(left.size() == 1 && left[0].instrument == w.btc[0] && left[0].quantity == 0.1);
    CHECK(left[0].job == perp::job_id(0, 40) && left[0].why == PERP_FLATTEN_JOB);
    CHECK(s.flatten({w.now, "ann", "leave"}, {0, 50}, w.x[1], "BTC").empty());
    w.core.capital().set_day_offset({w.now, "ann", "our day"}, 60);
    CHECK(THROWN(w.core.capital().set_day_offset({w.now, "ann", "our day"}, 1440)) == PERP_E_RANGE);
    const perp::risk_state risk = w.core.risk().query();
    CHECK(risk.peak >= risk.equity && risk.loss_scaled <= risk.loss_usd + 1_usd);
    CHECK(risk.scaled_start > 0_usd);
    w.core.check();
}

// ---- Market data --------------------------------------------------------------------------------

TEST("market data goes in and is asked for in C++ types") {
    const world w;
    const perp::market m = w.core.market();
    const perp::book_level bids[] = {{49990, 1}}, asks[] = {{50010, 2}};
    m.on_book({w.btc[0], w.now + 1ns, bids, asks});
    m.on_trade({w.btc[0], w.now, 50000, 1});
    m.on_mark({w.btc[0], w.now, 50001});
    m.on_funding({w.btc[0], w.now, 0.0001, 8h, w.now + 3h});
    m.on_latency({w.x[0], w.now, 20});
    m.on_status({w.x[1], w.now, perp::api::DEGRADED});
    m.on_rate({"USDT", w.now, 0.9995});
    const perp::market_state state = m.query(w.btc[0], w.now + 1ns);
    CHECK(state.has_quote && state.bid < 49991 && state.ask > 50009);
    CHECK(state.next_funding == w.now + 3h && state.quote_time == w.now + 1ns && !state.fast);
    CHECK(!m.query(w.btc[1], w.now).next_funding);
    const perp::exchange_state x = m.query(w.x[1], w.now);
    CHECK(x.api == perp::api::DEGRADED && x.circuit == perp::circuit::CLOSED);
    CHECK(m.query(w.x[0], w.now).latency_samples == 1);
    CHECK(w.core.statistics().stale_events == 0);
    m.on_withdraw({w.btc[1], w.now});
    CHECK(!m.query(w.btc[1], w.now).has_quote);
    std::error_code ec;
    m.on_book({w.btc[0], w.now + 2ns, {{2, 1}, {3, 1}}, {{4, 1}}}, ec); // bids rise
    CHECK(ec == PERP_E_INVALID);
}

TEST("a market source is kept by the core, and one that throws gives nothing") {
    std::vector<std::string> logged;
    perp::config config;
    config.callbacks.log = [&](perp::log_level level, std::string_view text) {
        if (level == PERP_LOG_ERROR)
            logged.emplace_back(text);
    };
    const world w(std::move(config));
    const auto x = w.core.add_exchange("gamma");
    w.core.positions().account(w.now, {x, {}, 1'000'000_usd});
    perp::instrument_spec spec(x, "BTC/USDT:USDT");
    spec.pulled = true;
    const auto pulled = w.core.add_instrument(spec);
    w.core.positions().report(w.now, {pulled, 0});
    const auto job = perp::job({0, 1}, perp::strategy::ARB, 5'000_usd)
                         .edge_bps(12)
                         .buy(w.btc[0], 0.1)
                         .sell(pulled, 0.1);
    CHECK(w.core.risk().evaluate(w.now, job).reason() == perp::reason::NO_MARKET_DATA);
    w.core.market().set_source({[](perp::instrument_id, perp::time) -> std::optional<perp::quote> {
                                    throw std::runtime_error("no line");
                                },
                                nullptr});
    CHECK(w.core.risk().evaluate(w.now, job).reason() == perp::reason::NO_MARKET_DATA);
    CHECK(w.core.callback_failures() >= 1 && !logged.empty());
    CHECK(logged[0].find("no line") != std::string::npos);
    int quoted = 0;
    const auto quote = [&](perp::instrument_id id, perp::time now) {
        quoted++;
        return perp::quote{id, now, 50050, 10, 50051, 10};
    };
    w.core.market().set_source({quote, nullptr});
    CHECK(w.core.risk().evaluate(w.now, job).accepted());
    int asked = 0;
    const auto book = [&](perp::instrument_id, perp::time now, perp::book_buffer &to_fill) {
        asked++;
        to_fill.time_ns = perp::to_ns(now);
        to_fill.n_bids = to_fill.n_asks = 1;
        to_fill.bids[0] = {50050, 10};
        to_fill.asks[0] = {50051, 10};
        return true;
    };
    CHECK(THROWN(w.core.market().set_source({nullptr, book})) == PERP_E_INVALID);
    const int before = quoted;
    CHECK(w.core.risk().evaluate(w.now, job).accepted() && quoted > before); // the old one stays
    w.core.market().set_source({quote, book});
    CHECK(w.core.risk().evaluate(w.now + 1ns, job).accepted() && asked > 0);
    const auto failures = w.core.callback_failures();
    w.core.market().set_source({});
    (void)w.core.risk().evaluate(w.now + 2ns, job);
    CHECK(w.core.callback_failures() == failures);
    std::string still;
    const std::string own(100, 'y'); // on the heap, as the function that holds it
    w.core.market().set_source({[&, own](perp::instrument_id id, perp::time now) {
                                    std::error_code ec;
                                    w.core.market().set_source({}, ec);
                                    CHECK(ec == PERP_E_STATE);
                                    CHECK(THROWN(w.core.market().set_source({})) == PERP_E_STATE);
                                    still = own;
                                    return perp::quote{id, now, 50050, 10, 50051, 10};
                                },
                                nullptr});
    CHECK(w.core.risk().evaluate(w.now + 3ns, job).accepted() && still == own);
}

TEST("terms and settings change while the book is open") {
    world w;
    const perp::call ann{w.now, "ann", "a test"};
    auto spec = w.core.instrument(w.btc[0]);
    CHECK(!spec.taker_fee_bps && !spec.maker_fee_bps);
    spec.taker_fee_bps = 3.5;
    spec.min_qty = 0.02;
    w.core.update(w.now, spec);
    CHECK(w.core.instrument(w.btc[0]).taker_fee_bps == 3.5);
    CHECK(!w.core.instrument(w.btc[0]).maker_fee_bps);
    CHECK(w.core.instrument(w.btc[0]).min_qty == 0.02);
    auto alpha = w.core.exchange(w.x[0]);
    alpha.taker_fee_bps = 1;
    w.core.update(w.now, alpha);
    CHECK(w.core.exchange(w.x[0]).taker_fee_bps == 1);
    spec.base = "ETH";
    CHECK(THROWN(w.core.update(w.now, spec)) == PERP_E_CONFLICT);
    CHECK(THROWN(w.core.reconfigure(w.now, "{}")) == PERP_E_INVALID);
    w.core.reconfigure(ann, "{\"risk\":{\"max_account_leverage\":4}}");
    CHECK(w.core.config()->risk.max_account_leverage == 4);
}
