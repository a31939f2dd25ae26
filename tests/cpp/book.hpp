// A small book that tests begin with.
#ifndef PERPCORE_TEST_BOOK_HPP
#define PERPCORE_TEST_BOOK_HPP

#include <perpcore/perpcore.hpp>

#include <cstdlib>
#include <stdexcept>

#include "test.hpp"

using namespace perp::literals;
using namespace std::chrono_literals;
using perp::usd;

inline const perp::time START = perp::from_ns(1700000000000000000);

// An allocator that counts.
struct memory {
    long blocks = 0;
    long long bytes = 0;

    void use(perp::config &config) {
        config->allocator.user = this;
        config->allocator.allocate = [](void *user, std::size_t size) -> void * {
            static_cast<memory *>(user)->blocks++;
            static_cast<memory *>(user)->bytes += static_cast<long long>(size);
            return std::malloc(size);
        };
        config->allocator.release = [](void *user, void *block, std::size_t size) {
            static_cast<memory *>(user)->blocks--;
            static_cast<memory *>(user)->bytes -= static_cast<long long>(size);
            std::free(block);
        };
    }
};

// Two exchanges with BTC, equity and fresh quotes.
struct world {
    perp::core core;
    perp::exchange_id x[2];
    perp::instrument_id btc[2];
    perp::time now = START;

    explicit world(perp::config config = {}) : core(perp::core::open(std::move(config))) {
        const char *names[] = {"alpha", "beta"};
        for (std::size_t i = 0; i < 2; i++) {
            x[i] = core.add_exchange(names[i]);
            btc[i] = core.add_instrument({x[i], "BTC/USDT:USDT"});
            core.positions().account(now, {x[i], {}, 1'000'000_usd});
        }
        quotes();
    }
    void quotes() {
        for (std::size_t i = 0; i < 2; i++) {
            const double bid = 50000 + 50 * static_cast<double>(i);
            core.market().on_quote({btc[i], now, bid, 10, bid + 1, 10});
        }
    }
    // Buys on alpha, sells on beta.
    perp::job pair(std::uint64_t number) const {
        return perp::job({0, number}, perp::strategy::ARB, 5'000_usd)
            .edge_bps(12)
            .buy(btc[0], 0.1)
            .sell(btc[1], 0.1);
    }
    perp::job_state state(std::uint64_t number) const {
        return core.scheduler().job({0, number}).state;
    }
    void run(std::uint64_t number) const {
        core.scheduler().submit(now, pair(number));
        core.scheduler().tick(now);
    }
};

inline perp::config accepting() {
    perp::config config;
    config.callbacks.execute = [](const perp::execution &) { return perp::outcome::ACCEPTED; };
    return config;
}

#endif
