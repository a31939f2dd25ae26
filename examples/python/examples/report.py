"""A report from the store: what was earned, what was refused and why, what is still held.

usage: report.py [STORE.db]     without a file, it makes one of a small day and reports on that

The store is an SQLite file, so the report needs neither the library nor pandas: only the standard
library. It reads beside a book that is running.
"""
import json
import os
import sqlite3
import sys
import tempfile
from typing import Iterable, Sequence


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints rows in columns as wide as they need; numbers to the right."""
    lines = [[f"{v:,.2f}" if isinstance(v, float) else str(v) for v in row] for row in rows]
    print(f"\n{title}")
    if not lines:
        print("  nothing")
        return
    widths = [max(len(row[i]) for row in [list(head), *lines]) for i in range(len(head))]
    for row in [list(head), *lines]:
        cells = (c.rjust(w) if c[:1].isdigit() or c[:1] == "-" else c.ljust(w)
                 for c, w in zip(row, widths))
        print("  " + "  ".join(cells).rstrip())


def report(path: str) -> None:
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    events, first, last = db.execute("SELECT count(*), min(seq), max(seq) FROM events").fetchone()
    print(f"{events} changes, {first} to {last}")
    table("Booked by day and exchange, USD", ("day", "exchange", "pnl", "volume", "fees"),
          db.execute("SELECT day, exchange, pnl_usd, volume_usd, fees_usd FROM daily_pnl"
                     " ORDER BY day, exchange"))
    table("Jobs (wash: hedged turnover between exchanges, never wash trading)",
          ("strategy", "state", "jobs", "volume USD"),
          db.execute("SELECT strategy, state, count(*), sum(volume) / 1e6 FROM jobs"
                     " GROUP BY strategy, state ORDER BY strategy, state"))
    table("Refused by", ("reason", "times"),
          db.execute("SELECT refused_by, count(*) FROM refusals GROUP BY refused_by"
                     " ORDER BY count(*) DESC, refused_by"))
    detail = db.execute("SELECT job, detail FROM refusals WHERE detail IS NOT NULL"
                        " ORDER BY seq LIMIT 1").fetchone()
    if detail:
        numbers = json.loads(detail[1])
        print(f"  the first, job {detail[0]}: {', '.join(numbers['reasons'])}; "
              f"cost {numbers['cost_bps']:.2f} bps, edge {numbers['expected_edge_bps']:.2f} bps")
    table("Held now, USD", ("exchange", "pool", "in flight", "used"),
          db.execute("SELECT exchange, pool, sum(in_flight_usd), sum(used_usd)"
                     " FROM open_reservations GROUP BY exchange, pool ORDER BY exchange, pool"))
    table("By hand", ("change", "who", "why"),
          db.execute("SELECT kind, actor, reason FROM events WHERE actor IS NOT NULL ORDER BY seq"))
    db.close()


def make_day(path: str) -> None:
    """A small day, so that there is something to report on."""
    import uuid
    from decimal import Decimal

    from perpcore import Core, Job, JobResult, Mode, Outcome, SqliteStore

    now = 1_700_000_000_000_000_000
    with Core(store=SqliteStore(path), execute=lambda job: Outcome.ACCEPTED) as core:
        btc = []
        for i, name in enumerate(("binance", "okx")):
            core.add_exchange(name)
            btc.append(core.add_instrument(name, "BTC/USDT:USDT", qty_step=0.01))
            core.positions.account(name, equity=Decimal(100_000), now=now)
            core.market.on_quote(btc[i], now, 60000.0 + 20 * i, 8.0, 60001.0 + 20 * i, 8.0)
        for number in range(1, 7):  # every other job expects too little
            job = Job(uuid.UUID(int=number), "wash", 6050, expected_edge_bps=12.0 * (number % 2))
            core.scheduler.submit(core.fill_hedge(job, *btc, now=now), now=now)
            core.scheduler.tick(now=now)
            if number in (1, 3):
                core.scheduler.finish(job.job_id, JobResult(pnl=Decimal("1.5"), volume=12_002,
                                                            fees=Decimal("6.25")), now=now)
        core.risk.set_mode(Mode.CONSERVATIVE, now=now, actor="ann", reason="news at eight")


def main() -> None:
    if len(sys.argv) > 1:
        report(sys.argv[1])
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "day.db")
        make_day(path)
        report(path)


main()
