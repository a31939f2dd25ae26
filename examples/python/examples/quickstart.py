"""Two exchanges, one hedged job: buy on one, sell the same quantity on the other."""
from decimal import Decimal

import perpcore
from perpcore import Job, JobResult, Outcome


def execute(job: perpcore.Execution) -> Outcome:
    for order in job.orders:  # a host sends its orders here
        print(order.side, order.quantity, "at", order.price)
    return Outcome.ACCEPTED


now = 1_700_000_000_000_000_000  # nanoseconds, or an aware datetime
with perpcore.Core(execute=execute) as core:
    btc = []
    for i, name in enumerate(("binance", "okx")):
        exchange = core.add_exchange(name)
        btc.append(core.add_instrument(exchange, "BTC/USDT:USDT", qty_step=0.01))
        core.capital.update_equity(exchange, Decimal(100_000), now=now)
        core.market.on_quote(btc[i], now, 60000.0 + 20 * i, 8.0, 60001.0 + 20 * i, 8.0)

    # wash: hedged turnover between two exchanges, never wash trading
    job = Job("6f1c24a2-9d3b-4b0e-8f57-0a1b2c3d4e5f", "wash", 6050, expected_edge_bps=12)
    job = core.fill_hedge(job, btc[0], btc[1], now=now)
    why = core.risk.evaluate(job, now=now)  # asks and changes nothing
    print("accepted" if why else why.reason, f"safety {why.safety_score:.1f}")

    core.scheduler.submit(job, now=now)
    core.scheduler.tick(now=now)  # calls execute
    result = JobResult(volume=12002, fees=6)  # what the exchanges reported
    core.scheduler.finish(job.job_id, result, now=now)
    print(f"volume on okx today: {core.capital.snapshot('okx').today.volume:.0f} USD")
    core.check()
