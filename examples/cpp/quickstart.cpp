// Two exchanges, one hedged job: buy on one, sell the same quantity on the other, then close it.
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
        core.positions().account(now, {exchange, {}, 100'000_usd}); // nothing is open there
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
    std::cout << "the job is " << to_string(core.scheduler().job(id).state) << '\n';

    // What it has open holds its capital until another job has closed it.
    const auto exit_id = perp::job_id::parse("6f1c24a2-9d3b-4b0e-8f57-0a1b2c3d4e60");
    auto exit = perp::job(exit_id, perp::strategy::HEDGE_REBALANCE, 1_usd);
    core.fill_exit(now, id, exit);
    core.scheduler().submit(now, exit);
    core.scheduler().tick(now);
    core.scheduler().finish(now, exit_id,
                            perp::job_result().leg({0.1, 60000, 3_usd}).leg({0.1, 60021, 3_usd}));
    std::cout << "the job is " << to_string(core.scheduler().job(id).state) << '\n';

    const auto okx = core.capital().snapshot(core.find_exchange("okx"));
    std::cout << "on okx today: volume " << okx.today.volume << " USD, pnl " << okx.today.pnl
              << " USD\n";
    core.check();
} catch (const perp::error &e) {
    std::cerr << e.what() << '\n';
    return 1;
}
