// What a book tells: callbacks, monitoring, and stores that it is kept in.
#include "book.hpp"

#include <cmath>
#include <map>
#include <sstream>

// ---- Callbacks ----------------------------------------------------------------------------------

TEST("an exception in execute leaves the job in doubt and the core usable") {
    std::vector<std::string> logged;
    perp::config config;
    config.callbacks.execute = [](const perp::execution &) -> perp::outcome {
        throw std::runtime_error("the line is down");
    };
    config.callbacks.log = [&](perp::log_level level, std::string_view text) {
        if (level == PERP_LOG_ERROR)
            logged.emplace_back(text);
    };
    const world w(std::move(config));
    w.run(1);
    CHECK(w.state(1) == perp::job_state::IN_DOUBT);
    CHECK(w.core.callback_failures() == 1);
    CHECK(logged == std::vector<std::string>{"execute threw the line is down"});
    w.core.scheduler().requeue(w.now, {0, 1});
    CHECK(w.state(1) == perp::job_state::PENDING);
    w.core.check();
}

TEST("exceptions in log are counted and go nowhere") {
    perp::config config;
    config.callbacks.execute = [](const perp::execution &) -> perp::outcome { throw 1; };
    config.callbacks.log = [](perp::log_level, std::string_view) { throw 2; };
    const world w(std::move(config));
    w.run(1);
    CHECK(w.state(1) == perp::job_state::IN_DOUBT && w.core.callback_failures() >= 2);
}

TEST("a callback may finish its own job, also after the core was moved") {
    perp::core core;
    perp::config config;
    config.callbacks.execute = [&core](const perp::execution &job) {
        core.scheduler().finish(job.now(), job.id(),
                                perp::job_result().totals(1_usd, 2_usd, 0_usd));
        return perp::outcome::ACCEPTED;
    };
    world w(std::move(config));
    core = std::move(w.core);
    core.scheduler().submit(w.now, w.pair(1));
    core.scheduler().tick(w.now);
    CHECK(core.scheduler().job({0, 1}).state == perp::job_state::OPEN);
    CHECK(core.callback_failures() == 0);
}

TEST("a running job that is unhedged for too long is told once") {
    int told = 0;
    perp::config config = accepting();
    config->orders.max_unhedged_ms = 250;
    config.callbacks.on_unhedged = [&](perp::job_id job, std::string_view base, double quantity) {
        told++;
        CHECK(job == perp::job_id(0, 1) && base == "BTC" && quantity == 0.05);
        throw 1;
    };
    world w(std::move(config));
    const perp::scheduler s = w.core.scheduler();
    CHECK(w.core.config()->orders.max_unhedged_ms == 250);
    w.run(1);
    CHECK(!s.job({0, 1}).unhedged_since);
    const perp::time since = w.now;
    s.progress(since, {0, 1}, {{0.05, 50000, 0_usd}, {0, 0, 0_usd}});
    CHECK(s.job({0, 1}).unhedged_since == since);
    w.now += 250ms;
    s.tick(w.now);
    CHECK(told == 0);
    for (int i = 0; i < 2; i++) {
        w.now += 1ms;
        s.tick(w.now);
    }
    CHECK(told == 1 && w.core.callback_failures() == 1);
    CHECK(w.core.monitor().alerts(w.now)[0].code == perp::alert_code::UNHEDGED);
    s.progress(w.now, {0, 1}, {{0.05, 50000, 0_usd}, {0.05, 50050, 0_usd}});
    CHECK(!s.job({0, 1}).unhedged_since);
    w.core.check();
}

TEST("a core is not closed, replaced or ended inside one of its callbacks") {
    static perp::core_ref ended; // its book stays open for good
    for (const int how : {0, 1, 2, 3, 4}) {
        perp::core core;
        std::string still;
        int logged = 0;
        const std::string own(100, 'x'); // on the heap, as the function that holds it
        perp::config config;
        config.callbacks.execute = [&, own](const perp::execution &) {
            std::error_code ec;
            if (how == 0) {
                core.close(ec);
                CHECK(ec == PERP_E_STATE);
                perp_status thrown = PERP_OK;
                try {
                    core.close();
                } catch (const perp::error &e) {
                    thrown = e.status();
                }
                CHECK(thrown == PERP_E_STATE);
            } else if (how == 1)
                core = perp::core();
            else if (how == 2)
                core = perp::core::open();
            else if (how == 3)
                perp::core(std::move(core)).close(ec);
            else
                core.scheduler().pause(START); // no more than that
            still = own;
            return perp::outcome::ACCEPTED;
        };
        config.callbacks.log = [&](perp::log_level level, std::string_view) {
            if (level == PERP_LOG_ERROR) {
                logged++;
                std::error_code ec;
                core.close(ec); // is refused and not logged again
            }
        };
        world w(std::move(config));
        core = std::move(w.core);
        const perp::core_ref book = core;
        book.scheduler().submit(w.now, w.pair(1));
        book.scheduler().tick(w.now);
        CHECK(still == own && (how == 4 ? logged == 0 : logged >= 1));
        CHECK(book.scheduler().job({0, 1}).state == perp::job_state::RUNNING);
        CHECK((core.native_handle() == book.native_handle()) == (how != 3));
        if (how == 3)
            ended = book;
        core.close(); // outside of it as ever
        CHECK(!core);
    }
    ended.check();
}

TEST("alerts are told and listed") {
    std::vector<perp::alert_code> told;
    perp::config config;
    config.callbacks.on_alert = [&](const perp::alert &alert) { told.push_back(alert.code); };
    world w(std::move(config));
    w.core.capital().set_safe_mode(w.now, w.x[0], true);
    const auto alerts = w.core.monitor().alerts(w.now);
    CHECK(!alerts.empty() && alerts[0].code == perp::alert_code::SAFE_MODE);
    CHECK(alerts[0].active && alerts[0].subject == "alpha" && !alerts[0].message.empty());
    CHECK(told == std::vector<perp::alert_code>{perp::alert_code::SAFE_MODE});

    w.core.monitor().watch(w.now);
    told.clear();
    w.core.market().on_status({w.x[1], w.now, perp::api::DOWN});
    CHECK(told.empty());
    w.core.monitor().watch(w.now);
    CHECK(told == std::vector<perp::alert_code>{perp::alert_code::EXCHANGE_DOWN});
    std::error_code ec;
    w.core.monitor().watch(w.now, ec);
    CHECK(!ec && told.size() == 1);
}

// ---- Monitoring ---------------------------------------------------------------------------------

TEST("a snapshot holds what C's holds") {
    world w(accepting());
    for (std::uint64_t i = 1; i <= 5; i++)
        w.run(i);
    w.core.scheduler().finish(w.now, {0, 5},
                              perp::job_result().totals(7_usd, 10_usd, 2_usd).flat());
    w.core.scheduler().submit(w.now, w.pair(6));
    w.core.market().on_status({w.x[1], w.now, perp::api::DOWN});
    const perp::snapshot s = w.core.monitor().snapshot(w.now);
    auto c = std::make_unique<perp_monitor_state>();
    c->struct_size = sizeof *c;
    CHECK(perp_monitor_snapshot(w.core.native_handle(), perp::to_ns(w.now), c.get()) == PERP_OK);
    CHECK(std::memcmp(c.get(), &s.c(), sizeof *c) == 0);

    std::size_t n = 0;
    for (const perp::monitor_job job : s.running_jobs()) {
        const perp_monitor_job &row = c->running_jobs[n++];
        CHECK(job.job_id == perp::job_id(row.job_id) && job.notional.micros() == row.notional);
        CHECK(job.symbol == row.symbol && job.state == perp::job_state::RUNNING && !job.ended);
        CHECK(job.started == w.now && job.instruments.size() == 2);
    }
    CHECK(n == c->n_running && n == 4 && s.running_jobs().total() == 4);
    n = 0;
    for (const perp::monitor_capital row : s.capital()) {
        CHECK(row.exchange == c->capital[n].exchange);
        CHECK(row.equity.micros() == c->capital[n].equity && row.equity == 1'000'000_usd);
        CHECK(row.pools[perp::pool::ARB].in_flight.micros() == c->capital[n].pools[1].in_flight);
        n++;
    }
    CHECK(n == 2);
    n = 0;
    for (const perp::monitor_exchange row : s.exchanges())
        CHECK(row.status == (n++ == 0 ? perp::api::UP : perp::api::DOWN));
    CHECK(n == 2);
    CHECK(s.alerts().size() == c->n_alerts && !s.alerts().empty());
    CHECK(s.alerts()[0].code == perp::alert_code::EXCHANGE_DOWN);
    CHECK(s.top_pending().size() == 1 && s.recent_completed().size() == 1);
    CHECK(s.recent_completed()[0].pnl == 7_usd && s.fast_markets().empty());
    CHECK(s.global().today_pnl_usd == 7_usd && s.global().daily_loss_limit);
    CHECK(s.global().today_net_usd == 5_usd && s.global().today_funding_usd == 0_usd);
    CHECK(s.positions().empty() && s.bases().empty());
    CHECK(s.global().system_status == perp::system::RUNNING);
    CHECK(s.jobs().running_jobs_count == 4 && s.jobs().completed_total == 1);
    CHECK(!s.risk().killed && !s.risk().override_until && !s.risk().override_job);
    CHECK(s.refusals(perp::reason::KILLED) == 0 && s.last_update() == w.now && s.now() == w.now);
}

TEST("more jobs than a snapshot has room for are counted") {
    perp::config config = accepting();
    config->scheduler.max_global_concurrent_jobs = 200;
    config->scheduler.max_concurrent_per_exchange = 200;
    config->scheduler.max_notional_per_exchange = (100'000'000_usd).micros();
    const world w(std::move(config));
    for (std::uint64_t i = 1; i <= 70; i++)
        w.core.scheduler().submit(w.now, perp::job({0, i}, perp::strategy::ARB, 50_usd)
                                             .edge_bps(12)
                                             .buy(w.btc[0], 0.001)
                                             .sell(w.btc[1], 0.001));
    CHECK(w.core.scheduler().tick(w.now)->dispatched == 70);
    const perp::snapshot s = w.core.monitor().snapshot(w.now);
    CHECK(s.running_jobs().total() == 70 && s.running_jobs().size() == PERP_MONITOR_RUNNING);
    CHECK(w.core.scheduler().list(perp::job_state::RUNNING).size() == 70);
    CHECK(w.core.scheduler().kill(w.now).size() == 70);
}

TEST("positions and bases of a snapshot are the book's") {
    const world w(accepting());
    w.core.positions().record_fill(w.now, {w.btc[0], perp::side::BUY, 0.5, 50'000},
                                   perp::reservation_key(0, 900));
    const perp::snapshot s = w.core.monitor().snapshot(w.now);
    CHECK(s.positions().total() == 1 && s.bases().total() == 1);
    const perp::monitor_position position = s.positions()[0];
    CHECK(position.instrument == w.btc[0] && position.base == "BTC" && position.lots == 0);
    CHECK(position.quantity == 0.5 && position.foreign == 0.5 && !position.latched);
    CHECK(position.unrealised == 0.5 * (position.mark - 50'000) && position.known);
    const perp::monitor_base base = s.bases()[0];
    CHECK(base.base == "BTC" && base.net == 0.5 && base.gross == 0.5);
    CHECK(base.naked.quantity == w.core.positions().bases(w.now)[0].naked && !base.repair);
}

TEST("a snapshot has orders, and what is unhedged") {
    const world w;
    const perp::snapshot s = w.core.monitor().snapshot(w.now);
    CHECK(s.orders().open == 0 && s.orders().placed_total == 0 && !s.orders().unhedged_since);
    CHECK(s.unhedged().empty() && s.order_refusals(PERP_GATE_OVER_LEG) == 0);
    CHECK(std::isnan(s.exchanges()[0].order_rate_left));
}

TEST("changes go on from a snapshot") {
    const world w;
    perp::snapshot s = w.core.monitor().snapshot(w.now);
    CHECK(w.core.monitor().changes(s.seq()).empty());
    w.core.scheduler().submit(w.now, w.pair(1));
    w.core.capital().update_equity(w.now, w.x[1], 5_usd);
    const auto changes = w.core.monitor().changes(s.seq());
    CHECK(changes.size() == 2 && changes[0].seq == s.seq() + 1 && changes[0].time == w.now);
    CHECK(changes[0].job == perp::job_id(0, 1) && !changes[1].job && changes[1].kind == "equity");
    CHECK(changes[1].exchange == w.x[1]);
    w.core.monitor().snapshot(w.now, s); // its memory is used again
    CHECK(s.seq() == changes[1].seq);
    CHECK(w.core.monitor().json(w.now).find("\"global_stats\"") != std::string::npos);
}

// ---- Stores -------------------------------------------------------------------------------------

namespace {

// A store in memory that a test can look into and break; what it holds outlives it.
struct shelf {
    std::vector<std::string> kept, waiting;
    std::string checkpoint;
    std::uint64_t at = 0, hash = 0;
    int closed = 0;
    bool broken = false;
};
struct shelf_store : perp::custom_store {
    shelf &on;
    explicit shelf_store(shelf &s) : on(s) {
    }
    ~shelf_store() override {
        on.closed++;
    }
    void begin() override {
        on.waiting.clear();
    }
    void append(const perp::record &r) override {
        if (on.broken)
            throw std::runtime_error("the shelf is full");
        CHECK(r.seq == on.kept.size() + on.waiting.size() + 1 && !r.kind.empty());
        CHECK(r.chain != 0);
        on.waiting.emplace_back(r.data);
    }
    void commit() override {
        on.kept.insert(on.kept.end(), on.waiting.begin(), on.waiting.end());
        on.waiting.clear();
    }
    void rollback() noexcept override {
        on.waiting.clear();
    }
    void load(bool from_start, const perp::loader &into) override {
        std::size_t first = 0;
        if (!from_start && on.at) {
            into.checkpoint(on.at, on.hash, on.checkpoint);
            first = static_cast<std::size_t>(on.at);
        }
        for (std::size_t i = first; i < on.kept.size(); i++)
            into.record(i + 1, on.kept[i]);
    }
    void checkpoint(std::uint64_t seq, perp::time, std::uint64_t h,
                    std::string_view data) override {
        on.checkpoint = data;
        on.at = seq;
        on.hash = h;
    }
};

perp::config on_shelf(shelf &s) {
    perp::config config = accepting();
    config.store = perp::store::custom(std::make_unique<shelf_store>(s));
    return config;
}

} // namespace

TEST("a core whose last commit fails is closed and says so") {
    shelf s;
    perp::config config = on_shelf(s);
    config->durability = PERP_DURABILITY_BATCH;
    world w(std::move(config));
    s.broken = true;
    perp_status thrown = PERP_OK;
    try {
        w.core.close();
    } catch (const perp::error &e) {
        thrown = e.status();
        CHECK(std::string(e.what()).find("closed without") != std::string::npos);
    }
    CHECK(thrown == PERP_E_STORE && !w.core && s.closed == 1);
    std::error_code ec;
    w.core.close(ec);
    CHECK(!ec);
}

TEST("a flush that does not wait is durable once the store was synced") {
    const world w;
    const std::uint64_t seq = w.core.flush_async();
    CHECK(w.core.durable() == seq); // memory: it is at once
    w.core.sync();
    std::error_code ec;
    CHECK(w.core.flush_async(ec) == seq && !ec);
    w.core.sync(ec);
    CHECK(!ec);
}

TEST("a store of the host's own brings the book back, and is closed once") {
    shelf s;
    std::uint64_t hash = 0;
    {
        const world w(on_shelf(s));
        w.run(1);
        w.core.checkpoint();
        w.core.scheduler().submit(w.now, w.pair(2));
        w.core.flush();
        CHECK(s.closed == 0);
        hash = w.core.hash();
    }
    CHECK(s.closed == 1 && s.at > 0 && s.kept.size() > s.at);
    std::uint64_t visited = 0;
    const perp::core replayed =
        perp::core::replay(on_shelf(s), 0, [&](const perp::core_ref &book, std::uint64_t seq) {
            visited++;
            CHECK(seq == visited && book.exchange_count() <= 2);
        });
    CHECK(replayed.hash() == hash && visited == s.kept.size() && s.closed == 2);
    CHECK(THROWN(perp::core::replay(on_shelf(s), 0, [](const perp::core_ref &, std::uint64_t) {
              throw perp::error(PERP_E_STATE, "mine");
          })) == PERP_E_STATE);
    CHECK(perp::core::replay(on_shelf(s), 2).exchange_count() <= 2);
    const perp::core back = perp::core::open(on_shelf(s));
    CHECK(back.scheduler().job({0, 1}).state == perp::job_state::IN_DOUBT);
    CHECK(back.scheduler().job({0, 2}).state == perp::job_state::PENDING);
}

TEST("a store that throws fails the call, with its words in the message") {
    shelf s;
    const world w(on_shelf(s));
    s.broken = true;
    const std::uint64_t before = w.core.hash();
    std::string what;
    try {
        w.core.capital().update_equity(w.now, w.x[0], 1_usd);
    } catch (const perp::error &e) {
        what = e.what();
        CHECK(e.status() == PERP_E_STORE);
    }
    CHECK(what.find("the shelf is full") != std::string::npos && w.core.hash() == before);
    s.broken = false;
    w.core.scheduler().resume({w.now, "ann", "mended"});
    w.core.capital().update_equity(w.now, w.x[0], 1_usd);
}

TEST("records that the book can't use stop the loading") {
    shelf s;
    s.kept = {"nonsense"};
    CHECK(THROWN(perp::core::open(on_shelf(s))) == PERP_E_CORRUPT);
    CHECK(s.closed == 1);
}

TEST("a store that only writes has no checkpoints") {
    struct counter : perp::write_only_store {
        int &n;
        explicit counter(int &to) : n(to) {
        }
        void begin() override {
        }
        void append(const perp::record &) override {
            n++;
        }
        void commit() override {
        }
        void rollback() noexcept override {
        }
    };
    int n = 0;
    perp::config config;
    config.store = perp::store::custom(std::make_unique<counter>(n));
    const world w(std::move(config));
    CHECK(n > 0 && THROWN(w.core.checkpoint()) == PERP_E_STATE);
    const perp_store c = perp::store::custom(std::make_unique<counter>(n)).release();
    CHECK(!c.row);
    c.close(c.user);
}

namespace {

// Keeps the last row of each table, in words.
struct tables : perp::write_only_store {
    std::map<std::string, std::string> &last;
    std::vector<std::string> &outcomes;
    explicit tables(std::map<std::string, std::string> &to, std::vector<std::string> &ends)
        : last(to), outcomes(ends) {
    }
    void begin() override {
    }
    void append(const perp::record &r) override {
        if (!r.outcome.empty())
            outcomes.emplace_back(r.outcome);
    }
    void commit() override {
    }
    void rollback() noexcept override {
    }

  private: // an override may be
    void row(const perp::row &r) override {
        std::ostringstream words;
        std::size_t n = 0;
        for (const perp::column c : r.columns) {
            words << (n++ < r.n_keys ? "*" : "") << c.name << '=';
            if (const auto *integer = std::get_if<std::int64_t>(&c.value))
                words << *integer;
            else if (const auto *number = std::get_if<double>(&c.value))
                words << *number;
            else if (const auto *text = std::get_if<std::string_view>(&c.value))
                words << *text;
            words << ' ';
        }
        last[std::string(r.table)] = words.str();
        if (r.table == "daily")
            throw std::runtime_error("no days here");
    }
};

} // namespace

TEST("a store that has a function for rows gets them, whatever it is held as") {
    for (const bool as_base : {false, true}) {
        std::map<std::string, std::string> last;
        std::vector<std::string> outcomes;
        auto own = std::make_unique<tables>(last, outcomes);
        perp::config config = accepting();
        config.store = as_base ? perp::store::custom<perp::write_only_store>(std::move(own))
                               : perp::store::custom(std::move(own));
        const world w(std::move(config));
        w.run(1);
        const std::string &job = last["jobs"];
        CHECK(job.find("*id=" + to_string(perp::job_id(0, 1)) + " ") == 0);
        CHECK(job.find(" state=running ") != std::string::npos);
        CHECK(last["reservations"].find("*id=") == 0);
        CHECK(outcomes.empty());
        CHECK(THROWN(w.core.capital().record_pnl(w.now, w.x[0], 1_usd, 0_usd, 0_usd)) ==
              PERP_E_STORE);
        CHECK(last["daily"].find("*day=") == 0 &&
              last["daily"].find(" *exchange=") != std::string::npos);
    }
}

TEST("a store that is not used closes itself, and so does one of a failed open") {
    shelf s;
    {
        perp::config config = on_shelf(s);
        perp::store other = std::move(config.store);
        CHECK(other && !config.store);
        other = perp::store::memory();
        CHECK(s.closed == 1);
    }
    perp::config config = on_shelf(s);
    config->capital.wash_ppm = 1;
    CHECK(THROWN(perp::core::open(std::move(config))) == PERP_E_CONFIG);
    CHECK(s.closed == 2);
}

#ifdef PERP_TEST_STORE
TEST("a SQLite store brings the book back after a restart, with its ids and money") {
    const std::string path = PERP_TEST_STORE;
    std::uint64_t hash = 0;
    {
        perp::config config = accepting();
        config.store = perp::store::sqlite(path);
        const world w(std::move(config));
        w.run(1);
        hash = w.core.hash();
        CHECK(THROWN(perp::store::sqlite(path)) == PERP_E_BUSY);
    }
    perp::config config;
    config.store = perp::store::sqlite(path);
    const world again(std::move(config)); // adds the same exchanges and instruments again
    CHECK(again.core.exchange_count() == 2 && again.core.instrument_count() == 2);
    CHECK(again.core.scheduler().list(perp::job_state::IN_DOUBT).size() == 1);
    CHECK(again.core.capital().snapshot(again.x[0]).total_in_flight == 5'000_usd);
    const auto rows = again.core.capital().reservations(again.x[1]);
    CHECK(rows.size() == 1 && rows[0].job == perp::job_id(0, 1));
    perp::config reading;
    perp::sqlite_options options;
    options.read_only = true;
    reading.store = perp::store::sqlite(path, options);
    CHECK(perp::core::replay(std::move(reading)).hash() != 0 && hash != 0);
}
#endif
