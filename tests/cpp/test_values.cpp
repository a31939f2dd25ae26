// Money, times, ids, enums, errors: what needs no book.
#include <perpcore/perpcore.hpp>

#include <sstream>
#include <unordered_set>

#include "test.hpp"

using namespace perp::literals;
using namespace std::chrono_literals;
using perp::usd;

namespace {
constexpr perp_usd MOST = INT64_MAX, LEAST = INT64_MIN;

template <class To, class From>
constexpr bool converts = std::is_convertible_v<From, To>; // without being asked to
} // namespace

// ---- Money --------------------------------------------------------------------------------------

static_assert(!converts<usd, double> && !std::is_constructible_v<usd, double>);
static_assert(!converts<usd, int> && !converts<usd, perp_usd> && !converts<perp_usd, usd>);
static_assert(!converts<double, usd> && std::is_constructible_v<double, usd>);
static_assert(!std::is_constructible_v<usd, bool>);
static_assert(sizeof(usd) == sizeof(perp_usd) && std::is_trivially_copyable_v<usd>);
static_assert(100_usd == usd(100) && (0.25_usd).micros() == 250000);
static_assert((1'000'000.000001_usd).micros() == 1000000000001);
static_assert(usd(2) + 3_usd - 1_usd == 4_usd && -usd(2) == 0_usd - 2_usd);
static_assert(9223372036854.775807_usd == usd::from_micros(MOST));

TEST("amounts are read exactly, or not at all") {
    CHECK(usd::parse("0").micros() == 0);
    CHECK(usd::parse("-12.345678").micros() == -12345678);
    CHECK(usd::parse("0.1") + usd::parse("0.2") == usd::parse("0.3"));
    CHECK(usd::parse("9223372036854.775807").micros() == MOST);
    CHECK(usd::parse("-9223372036854.775808").micros() == LEAST);
    for (const char *bad : {"", "-", ".", "1.", ".5", "+1", "1e3", "1.0000000", "0x1", "1 ", " 1",
                            "1,5", "--1", "1.2.3", "nan", "1'000"})
        CHECK(THROWN(usd::parse(bad)) == PERP_E_INVALID);
    for (const char *large : {"9223372036854.775808", "-9223372036854.775809", "9223372036855",
                              "99999999999999999999999999"})
        CHECK(THROWN(usd::parse(large)) == PERP_E_RANGE);
    std::error_code ec;
    CHECK(usd::parse("1.5", ec) == 1.5_usd && !ec);
    CHECK(usd::parse("x", ec) == 0_usd && ec == PERP_E_INVALID);
}

TEST("amounts are written as the shortest exact text") {
    CHECK(to_string(100_usd) == "100");
    CHECK(to_string(-0.5_usd) == "-0.5");
    CHECK(to_string(0.000001_usd) == "0.000001");
    CHECK(to_string(usd::from_micros(LEAST)) == "-9223372036854.775808");
    for (const perp_usd micros : {MOST, LEAST, perp_usd(-1), perp_usd(10203040), perp_usd(0)})
        CHECK(usd::parse(to_string(usd::from_micros(micros))).micros() == micros);
    std::ostringstream out;
    out << 6050.25_usd;
    CHECK(out.str() == "6050.25");
}

TEST("an amount that does not fit is thrown") {
    const usd most = usd::from_micros(MOST), least = usd::from_micros(LEAST);
    const usd one = usd::from_micros(1);
    CHECK(most - one + one == most && least + one - one == least);
    CHECK(THROWN(most + one) == PERP_E_RANGE);
    CHECK(THROWN(least - one) == PERP_E_RANGE);
    CHECK(THROWN(least + -one) == PERP_E_RANGE);
    CHECK(THROWN(usd() - least) == PERP_E_RANGE);
    CHECK(THROWN(-least) == PERP_E_RANGE);
    CHECK(THROWN(least * -1) == PERP_E_RANGE);
    CHECK(THROWN(most * 2) == PERP_E_RANGE);
    CHECK(THROWN(most * -2) == PERP_E_RANGE);
    CHECK(THROWN(least * 2) == PERP_E_RANGE);
    CHECK(THROWN(least * -2) == PERP_E_RANGE);
    CHECK(THROWN(one * UINT64_MAX) == PERP_E_RANGE);
    CHECK(THROWN(usd(INT64_MAX)) == PERP_E_RANGE);
    CHECK(2.5_usd * 3 == 7.5_usd && 2.5_usd * -3 == usd() - 7.5_usd && 0_usd * UINT64_MAX == usd());
    CHECK(one * MOST == most && one * LEAST == least && -one * MOST == least + one);
}

TEST("doubles are rounded on request only") {
    CHECK(usd::round(0.1) == 0.1_usd);
    CHECK(usd::round(-1.0000005).micros() == -1000001);
    CHECK(usd::round(1e-7) == 0_usd);
    CHECK(THROWN(usd::round(1e13)) == PERP_E_RANGE);
    CHECK(THROWN(usd::round(std::nan(""))) == PERP_E_RANGE);
    CHECK(THROWN(usd::round(-INFINITY)) == PERP_E_RANGE);
    CHECK(static_cast<double>(2.5_usd) > 2.49 && static_cast<double>(2.5_usd) < 2.51);
}

TEST("amounts are ordered") {
    CHECK(1_usd < 2_usd && 2_usd > 1_usd && 1_usd <= 1_usd && 1_usd >= 1_usd && 1_usd != 2_usd);
    CHECK(!(2_usd < 1_usd) && !(1_usd > 1_usd) && -1_usd < 0_usd);
}

// ---- Errors -------------------------------------------------------------------------------------

TEST("no error is the same in every category") {
    const std::error_code ok = PERP_OK;
    CHECK(ok == std::error_code() && !ok && ok == PERP_OK);
    const std::error_code busy = PERP_E_BUSY;
    CHECK(busy && busy != std::error_code() && busy.category() == perp::category());
}

// ---- Times --------------------------------------------------------------------------------------

TEST("times are nanoseconds since 1970, and none is no time") {
    const perp::time when = perp::from_ns(1700000000000000001);
    CHECK(perp::to_ns(when) == 1700000000000000001);
    CHECK(perp::to_ns(when + 2s - 1ns) == 1700000002000000000);
    CHECK(perp::to_ns(std::optional<perp::time>()) == PERP_TIME_NONE);
    CHECK(perp::to_ns(std::optional<perp::time>(when)) == perp::to_ns(when));
    CHECK(!perp::detail::maybe_time(PERP_TIME_NONE) && perp::detail::maybe_time(0));
    CHECK(perp::call(when).c().now_ns == 1700000000000000001);
    static_assert(converts<perp::time, std::chrono::system_clock::time_point>);
    static_assert(converts<perp::call, perp::time>);
    static_assert(!converts<perp::time, std::int64_t>);
}

TEST("durations are given in any unit") {
    const perp::job job = perp::job({1, 2}, perp::strategy::ARB, 5_usd)
                              .ttl(30s)
                              .max_run(5min)
                              .holding(90min)
                              .created_at(perp::from_ns(7));
    CHECK(job->ttl_ms == 30000 && job->max_run_ms == 300000 && job->created_at_ns == 7);
    CHECK(job->holding_hours > 1.4999 && job->holding_hours < 1.5001);
    const perp::job plain({1, 2}, perp::strategy::ARB, 5_usd);
    CHECK(plain->ttl_ms == -1 && plain->created_at_ns == PERP_TIME_NONE);
}

TEST("a call carries who and why, and nothing where they are not given") {
    const perp::call plain(perp::from_ns(5)), full(perp::from_ns(5), "ann", "a test");
    CHECK(plain.c().actor == nullptr && plain.c().reason == nullptr);
    const perp_call c = full.c();
    CHECK(std::string(c.actor) == "ann" && std::string(c.reason) == "a test");
}

// ---- Ids and enums ------------------------------------------------------------------------------

static_assert(!converts<perp::exchange_id, perp::instrument_id>);
static_assert(!converts<perp::instrument_id, perp::exchange_id>);
static_assert(!converts<perp::exchange_id, std::uint32_t>);
static_assert(!converts<std::uint32_t, perp::exchange_id>);
static_assert(!converts<perp::reservation_key, perp::job_id>);
static_assert(!converts<perp::side, int> && !converts<int, perp::side>);
static_assert(
    !std::is_invocable_v<
        decltype(static_cast<void (perp::capital::*)(const perp::call &, perp::exchange_id, usd)
                                 const>(&perp::capital::update_equity)),
        perp::capital, perp::time, perp::instrument_id, usd>);
static_assert(
    std::is_invocable_v<
        decltype(static_cast<void (perp::capital::*)(const perp::call &, perp::exchange_id, usd)
                                 const>(&perp::capital::update_equity)),
        perp::capital, perp::time, perp::exchange_id, usd>);
static_assert(static_cast<std::uint32_t>(perp::pool::RESERVE) == PERP_POOL_RESERVE);
static_assert(static_cast<std::uint32_t>(perp::reason::DISPATCH_RATE) == PERP_REASON_DISPATCH_RATE);
static_assert(static_cast<std::uint32_t>(perp::job_state::CLOSED) == PERP_JOB_CLOSED);

TEST("uuids are read, written, compared and hashed") {
    const char *text = "00010203-0405-0607-0809-0a0b0c0d0e0f";
    const perp::job_id id = perp::job_id::parse(text);
    CHECK(to_string(id) == text);
    CHECK(id == perp::job_id(0x0001020304050607, 0x08090a0b0c0d0e0f));
    CHECK(perp::job_id(0, 1) < perp::job_id(0, 2) && perp::job_id(0, 2) < perp::job_id(1, 0));
    CHECK(THROWN(perp::job_id::parse("nothing")) == PERP_E_INVALID);
    std::error_code ec;
    CHECK(perp::job_id::parse("nothing", ec) == perp::job_id() && ec == PERP_E_INVALID);
    std::unordered_set<perp::job_id> ids{id, id, perp::job_id(0, 1)};
    CHECK(ids.size() == 2);
    std::unordered_set<perp::exchange_id> exchanges{perp::exchange_id(1), perp::exchange_id(1)};
    CHECK(exchanges.size() == 1);
    CHECK(perp::exchange_id() == perp::all_exchanges); // a new id names nothing
}

TEST("enumerators have the texts of the lists") {
    CHECK(std::string(to_string(perp::pool::WASH)) == "wash");
    CHECK(std::string(to_string(perp::reason::DAILY_LOSS)) == "daily_loss");
    CHECK(std::string(to_string(perp::reason::NONE)) == "none");
    CHECK(std::string(to_string(perp::alert_code::STORE_FAILED)) == "store_failed");
    CHECK(std::string(to_string(perp::system::MANUAL_OVERRIDE)) == "manual_override");
    CHECK(std::string(to_string(static_cast<perp::side>(99))) == "?");
}

// ---- Errors -------------------------------------------------------------------------------------

TEST("a status is an error code of the library's category") {
    const std::error_code ec = PERP_E_BUSY;
    CHECK(ec && ec == PERP_E_BUSY && ec != PERP_E_RANGE);
    CHECK(&ec.category() == &perp::category());
    CHECK(std::string(ec.category().name()) == "perpcore");
    CHECK(ec.message() == perp_status_string(PERP_E_BUSY));
    CHECK(!std::error_code(PERP_OK));
    const perp::error e(PERP_E_STORE, "disk full");
    CHECK(e.code() == PERP_E_STORE && e.status() == PERP_E_STORE);
    CHECK(std::string(e.what()).find("disk full") != std::string::npos);
}

// ---- Jobs and formulas --------------------------------------------------------------------------

TEST("a job has no more legs or metadata than it can") {
    perp::job job({0, 1}, perp::strategy::ARB, 5_usd);
    for (int i = 0; i < PERP_MAX_LEGS; i++)
        job.buy(perp::instrument_id(1), 2);
    CHECK(THROWN(job.sell(perp::instrument_id(1), 2)) == PERP_E_INVALID);
    CHECK(job->n_legs == PERP_MAX_LEGS);
    CHECK(THROWN(job.metadata(std::string(PERP_MAX_METADATA + 1, 'x'))) == PERP_E_INVALID);
}

TEST("a copy of a job keeps its metadata when the first one is gone") {
    auto first = std::make_unique<perp::job>(perp::job_id(0, 1), perp::strategy::ARB, 5_usd);
    first->metadata(std::string("a\0b", 3));
    const perp::job copy = *first;
    first.reset();
    CHECK(std::string(static_cast<const char *>(copy->metadata), copy->metadata_size) ==
          std::string("a\0b", 3));
}

TEST("formulas are those of C") {
    const perp::book_level levels[] = {{100, 1}, {101, 1}};
    const perp::walk walk = perp::walk_book(perp::side::BUY, levels, 2);
    CHECK(walk.price > 100.49 && walk.price < 100.51 && walk.worst > 100.99);
    CHECK(perp::walk_book(perp::side::BUY, {{100, 1}}, 5).filled < 1.01);
    CHECK(perp::walk_book(perp::side::BUY, std::vector<perp::book_level>{{100, 1}}, 1).filled > 0);
    CHECK(THROWN(perp::walk_book(perp::side::BUY, levels, -1)) == PERP_E_INVALID);
    perp::liquidation l{perp::side::BUY, 1, 100, 10, 0.01};
    const perp_liquidation c = l.c();
    double wanted = 0;
    CHECK(perp_liquidation_price(&c, &wanted) == PERP_OK);
    const double got = perp::liquidation_price(l);
    CHECK(std::memcmp(&wanted, &got, sizeof got) == 0);
    l.quantity = 0;
    CHECK(THROWN(perp::liquidation_price(l)) == PERP_E_INVALID);
    CHECK(perp::funding_payment(perp::side::SELL, 2, 100, 0.01) > 1.99);
    CHECK(perp::funding_rate(0.001, 0.0001, 0.0005, 1, 0.002) > 0);
    const perp::time t = perp::from_ns(0);
    const perp::funding f{perp::instrument_id(0), t, 0.0001, 8h, t + 8h};
    CHECK(perp::funding_settlements(f, t, t + 24h) > 2.99);
    std::error_code ec;
    perp::funding_payment(perp::side::SELL, std::nan(""), 1, 1, ec);
    CHECK(ec == PERP_E_INVALID);
}

TEST("the version is the library's") {
    CHECK(perp::version() == perp_version_string());
    CHECK(perp::version_number() == PERP_VERSION_NUMBER);
}

#if __cplusplus >= 202002L
#include <ranges>
static_assert(std::ranges::input_range<perp::view<perp::order, perp_order>>);
static_assert(std::ranges::input_range<const perp::tick_result>);
#endif
