// A host of one thread: a queue of timed events (quotes, the strategy, ticks, and the answers of
// the exchanges, which come later) played for a minute of its own time, as fast as it goes.
//
// usage: event_loop [STORE]   With a store a second run goes on where the first one ended: what it
// had sent without an answer is in doubt, and is asked for.
#include <perpcore/perpcore.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>
#include <map>
#include <queue>
#include <random>
#include <tuple>
#include <vector>

using namespace perp::literals;
using namespace std::chrono_literals;

namespace {

struct event {
    perp::time when;
    std::uint64_t order; // of those at one time, the first that was made
    std::function<void()> run;

    bool operator<(const event &other) const { // the queue gives the largest first
        return std::tie(other.when, other.order) < std::tie(when, order);
    }
};

class event_loop {
  public:
    perp::time now;

    void at(perp::time when, std::function<void()> run) {
        queue_.push({when, made_++, std::move(run)});
    }
    void every(std::chrono::nanoseconds period, const std::function<void()> &run) {
        at(now + period, [this, period, run] {
            run();
            every(period, run);
        });
    }
    void run_until(perp::time end) {
        while (!queue_.empty() && queue_.top().when <= end) {
            const event next = queue_.top();
            queue_.pop();
            now = next.when;
            next.run();
        }
    }

  private:
    std::priority_queue<event> queue_;
    std::uint64_t made_ = 0;
};

struct order_book {
    perp::instrument_id instrument;
    double bid = 0, ask = 0;
    double position = 0; // base units
};

class desk {
  public:
    explicit desk(perp::store store) {
        perp::config config;
        config.store = std::move(store);
        config->threading = PERP_THREADING_NONE; // one thread: no lock is needed
        config.callbacks.execute = [this](const perp::execution &job) { return send(job); };
        config.callbacks.on_leg_risk = [](std::string_view base, double quantity) {
            std::cout << "  leg risk: " << quantity << ' ' << base << " have no other side\n";
        };
        core_ = perp::core::open(std::move(config));
        // A new book begins at a time that is always the same; one that comes back goes on.
        loop_.now = core_.clock().value_or(perp::from_ns(1767225600000000000)) + 1s;
        started_ = loop_.now;
    }

    void run() {
        add_exchanges();
        settle_what_is_in_doubt();
        feed();
        loop_.every(200ms, [this] { feed(); });
        loop_.every(500ms, [this] { trade(); });
        loop_.every(500ms, [this] { close(); });
        loop_.every(250ms, [this] { core_.scheduler().tick(loop_.now); });
        loop_.run_until(started_ + 60s);
        report();
    }

  private:
    void add_exchanges() {
        for (const char *name : {"north", "south"}) {
            perp::exchange_spec exchange(name);
            exchange.taker_fee_bps = 0.5;
            perp::instrument_spec spec(core_.add_exchange(exchange), "BTC/USDT:USDT");
            spec.qty_step = 0.001;
            books_.push_back({core_.add_instrument(spec)});
            // A new book has no position there; one that comes back knows what it has.
            perp::account_report account{spec.exchange, {}, 100'000_usd};
            order_book &book = books_.back();
            book.position = core_.positions().query(book.instrument, loop_.now).quantity;
            account.positions.push_back({book.instrument, book.position});
            core_.positions().account(loop_.now, account);
        }
    }

    // Both follow one random walk, each with a distance of its own that comes and goes.
    void feed() {
        mid_ *= 1 + 2e-5 * noise();
        for (order_book &book : books_) {
            const double here = mid_ * (1 + 8e-4 * noise());
            book.bid = here - 0.5;
            book.ask = here + 0.5;
            core_.market().on_quote({book.instrument, loop_.now, book.bid, 5, book.ask, 5});
        }
    }

    // Where one bids more than the other asks, buy there and sell here.
    void trade() {
        const auto [low, high] = std::minmax_element(
            books_.begin(), books_.end(),
            [](const order_book &a, const order_book &b) { return a.ask < b.ask; });
        const double edge_bps = (high->bid / low->ask - 1) * 1e4;
        if (edge_bps < 5)
            return;
        // Ids that no other run makes: when this one started, and a number.
        const perp::job_id id(static_cast<std::uint64_t>(perp::to_ns(started_)), ++jobs_);
        auto job = perp::job(id, perp::strategy::ARB, 1'500_usd).edge_bps(edge_bps).ttl(2s);
        core_.fill_hedge(loop_.now, low->instrument, high->instrument, job);
        core_.scheduler().submit(loop_.now, job);
    }

    // What was held for ten seconds is closed, by a job for each that is open.
    void close() {
        for (const perp::job_id &open : core_.scheduler().list(perp::job_state::OPEN)) {
            const auto info = core_.scheduler().job(open);
            const perp::time started = info.started.value_or(loop_.now);
            auto &asked = closing_[to_string(open)];
            if (loop_.now - started < 10s || loop_.now - asked < 2s)
                continue;
            asked = loop_.now;
            const perp::job_id id(static_cast<std::uint64_t>(perp::to_ns(started_)), ++jobs_);
            perp::job exit(id, perp::strategy::HEDGE_REBALANCE, 1_usd);
            core_.fill_exit(loop_.now, open, exit);
            core_.scheduler().submit(loop_.now, exit.ttl(1s));
        }
    }

    // The executor: sends, and returns at once. The answer is an event of 150 ms later.
    perp::outcome send(const perp::execution &job) {
        const auto orders = job.orders();
        std::vector<perp::order> sent(orders.begin(), orders.end());
        loop_.at(loop_.now + 150ms, [this, id = job.id(), sent] { answered(id, sent); });
        return perp::outcome::ACCEPTED;
    }

    // Every order is filled at its price, but the second one of every fifth job by half only.
    void answered(const perp::job_id &id, const std::vector<perp::order> &sent) {
        perp::job_result result;
        const bool half = sent.size() == 2 && ++answers_ % 5 == 0;
        for (const perp::order &order : sent) {
            double filled = order.quantity;
            if (half && &order == &sent.back())
                filled = std::floor(filled * 500) / 1000; // in steps of 0.001
            result.leg({filled, order.price, perp::usd::round(filled * order.price * 0.5e-4)});
            booked(order, filled);
            core_.market().on_latency({order.exchange, loop_.now, 150});
        }
        core_.scheduler().finish(loop_.now, id, result);
    }

    // The position as an exchange would report it: what the job filled is in it already.
    void booked(const perp::order &order, double filled) {
        for (order_book &book : books_) {
            if (book.instrument != order.instrument)
                continue;
            const double change = order.side == perp::side::BUY ? filled : -filled;
            book.position = std::round((book.position + change) * 1000) / 1000;
            core_.positions().report(loop_.now, {book.instrument, book.position});
        }
    }

    // After a restart. These exchanges fill all that reaches them, so what is in doubt was filled;
    // a real host asks for its orders by an id that it derived from the job's.
    void settle_what_is_in_doubt() {
        for (const perp::job_id &id : core_.scheduler().list(perp::job_state::IN_DOUBT)) {
            const auto info = core_.scheduler().job(id);
            const auto volume = info.job.notional() * info.job->n_legs;
            core_.scheduler().finish(loop_.now, id,
                                     perp::job_result().totals(
                                         0_usd, volume, perp::usd::round(double(volume) * 0.5e-4)));
            std::cout << "in doubt since the last run: " << id << ", settled\n";
        }
    }

    void report() const {
        const auto state = core_.monitor().snapshot(loop_.now);
        const auto jobs = state.jobs();
        std::cout << jobs.submitted_total << " jobs submitted, " << jobs.completed_total
                  << " completed, " << jobs.partial_total << " partial, " << jobs.expired_total
                  << " expired, " << jobs.running_jobs_count << " without an answer yet, "
                  << jobs.open_jobs_count << " open\n";
        for (const perp::monitor_capital row : state.capital())
            std::cout << row.exchange << ": " << row.total_in_flight << " USD in flight and "
                      << row.total_used << " in positions, of " << row.equity << '\n';
        for (const perp::alert alert : state.alerts())
            std::cout << "alert: " << to_string(alert.code) << ", " << alert.message << '\n';
        std::cout << "volume today: " << state.global().today_volume_usd << " USD, fees "
                  << state.global().today_fees_usd << " USD\n";
        core_.check();
    }

    // -1 to 1, the same on every machine.
    double noise() {
        return static_cast<double>(random_()) / 2147483647.5 - 1;
    }

    event_loop loop_;
    perp::core core_;
    perp::time started_;
    std::vector<order_book> books_;
    std::mt19937 random_; // its default seed: each run sees the same market
    double mid_ = 60000;
    std::uint64_t jobs_ = 0, answers_ = 0;
    std::map<std::string, perp::time> closing_; // of open jobs, when their exit was submitted
};

} // namespace

int main(int argc, char **argv) try {
    desk(argc > 1 ? perp::store::sqlite(argv[1]) : perp::store()).run();
} catch (const std::exception &e) {
    std::cerr << e.what() << '\n';
    return 1;
}
