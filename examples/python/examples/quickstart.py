"""Two exchanges, one hedged job: buy on one, sell the same quantity on the other, then close it."""
from decimal import Decimal

import perpcore
from perpcore import Job, JobResult, LegResult, Outcome


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
        core.positions.account(exchange, equity=Decimal(100_000), now=now)
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
    print("the job is", core.scheduler.job(job.job_id).state)

    # What it has open holds its capital until another job has closed it.
    close = core.fill_exit(job.job_id, "6f1c24a2-9d3b-4b0e-8f57-0a1b2c3d4e60", now=now)
    core.scheduler.submit(close, now=now)
    core.scheduler.tick(now=now)
    legs = [LegResult(0.1, 60000.0, fee=3), LegResult(0.1, 60021.0, fee=3)]
    core.scheduler.finish(close.job_id, JobResult(legs=legs), now=now)
    print("the job is", core.scheduler.job(job.job_id).state)
    okx = core.capital.snapshot("okx").today
    print(f"on okx today: volume {okx.volume:.2f} USD, pnl {okx.pnl:.2f} USD")
    core.check()
