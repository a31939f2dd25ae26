// Two exchanges, one hedged job: buy on one, sell the same quantity on the other.
#include <perpcore/perpcore.hpp>

#include <iostream>

using namespace perp::literals;

int main() try {
    perp::config config;
    config.callbacks.execute = [](const perp::execution &job) {
        for (const perp::order order : job.orders()) // a host sends its orders here
            std::cout << to_string(order.side) << ' ' << order.quantity << " at " << order.price
                      << '\n';
        return perp::outcome::ACCEPTED;
    };
    auto core = perp::core::open(std::move(config));
    const auto now = perp::from_ns(1700000000000000000); // a host: std::chrono::system_clock::now()

    perp::instrument_id btc[2];
    for (int i : {0, 1}) {
        const auto exchange = core.add_exchange(i == 0 ? "binance" : "okx");
        perp::instrument_spec spec(exchange, "BTC/USDT:USDT");
        spec.qty_step = 0.01;
        btc[i] = core.add_instrument(spec);
        core.capital().update_equity(now, exchange, 100'000_usd);
        core.market().on_quote({btc[i], now, 60000.0 + 20 * i, 8, 60001.0 + 20 * i, 8});
    }

    // WASH: hedged turnover between two exchanges, never wash trading.
    const auto id = perp::job_id::parse("6f1c24a2-9d3b-4b0e-8f57-0a1b2c3d4e5f");
    auto job = perp::job(id, perp::strategy::WASH, 6'050_usd).edge_bps(12);
    core.fill_hedge(now, btc[0], btc[1], job); // buys where it is cheaper

    const auto why = core.risk().evaluate(now, job); // asks, and changes nothing
    std::cout << (why.accepted() ? "accepted" : to_string(why.reason())) << ", safety "
              << why->safety_score << '\n';

    core.scheduler().submit(now, job);
    core.scheduler().tick(now); // calls execute
    core.scheduler().finish(now, id, perp::job_result().totals(0_usd, 12'002_usd, 6_usd));

    const auto okx = core.capital().snapshot(core.find_exchange("okx"));
    std::cout << "volume on okx today: " << okx.today.volume << " USD\n";
    core.check();
} catch (const perp::error &e) {
    std::cerr << e.what() << '\n';
    return 1;
}
