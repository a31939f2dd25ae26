"""Draws how equity and hedged turnover went as an SVG file, with nothing but the standard library.

usage: plot.py [OUTPUT.svg]     without a name to the standard output
"""
import random
import sys
import uuid
from decimal import Decimal
from typing import List, Sequence, Tuple

from perpcore import Core, Job, JobResult, Outcome

WIDTH, HEIGHT, MARGIN = 720, 220, 46
MINUTE = 60_000_000_000


def line(values: Sequence[Decimal], title: str, top: int, colour: str) -> str:
    """A chart of one series: its line, its first, least and greatest value."""
    low, high = min(values), max(values)
    span = high - low or Decimal(1)
    step = Decimal(WIDTH - 2 * MARGIN) / (len(values) - 1)
    base, ceiling = top + HEIGHT - MARGIN, top + MARGIN
    points = " ".join(
        f"{MARGIN + i * step:.1f},{base - (v - low) / span * (base - ceiling):.1f}"
        for i, v in enumerate(values)
    )
    return f"""
  <text x="{MARGIN}" y="{top + 24}" font-weight="bold">{title}</text>
  <path d="M{MARGIN} {base}H{WIDTH - MARGIN}M{MARGIN} {ceiling}H{WIDTH - MARGIN}" stroke="#ddd"/>
  <text x="{MARGIN}" y="{base + 16}">{low:,.2f}</text>
  <text x="{MARGIN}" y="{ceiling - 5}">{high:,.2f}</text>
  <polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>"""


def day() -> Tuple[List[Decimal], List[Decimal]]:
    """Equity and turnover of a generated day, minute by minute."""
    rng = random.Random(11)
    now = 1_700_000_000_000_000_000
    equity, turnover = [], []
    with Core(execute=lambda job: Outcome.ACCEPTED) as core:
        books = []
        for name in ("binance", "okx"):
            core.add_exchange(name)
            books.append(core.add_instrument(name, "BTC/USDT:USDT", qty_step=0.01))
            core.positions.account(name, equity=100_000, now=now)
        for minute in range(1, 241):
            now += MINUTE
            for i, book in enumerate(books):
                core.market.on_quote(book, now, 60000.0 + 20 * i, 8.0, 60001.0 + 20 * i, 8.0)
            job = Job(uuid.UUID(int=minute), "wash", 6050, expected_edge_bps=12.0)
            core.scheduler.submit(core.fill_hedge(job, *books, now=now), now=now)
            for item in core.scheduler.tick(now=now).items:
                if item.kind.text != "dispatched":
                    continue
                pnl = Decimal(rng.randint(-700, 1000)) / 100
                core.scheduler.finish(
                    item.job_id, JobResult(pnl=pnl, volume=12_002, fees=Decimal("1.20")), now=now)
                account = core.capital.snapshot("okx").equity
                core.capital.update_equity("okx", account + pnl - Decimal("1.20"), now=now)
            state = core.monitor.snapshot(now=now).global_stats
            equity.append(state.equity_usd)
            turnover.append(state.today_volume_usd)
    return equity, turnover


def main() -> None:
    equity, turnover = day()
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{2 * HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {2 * HEIGHT}" font-family="sans-serif" font-size="12">\n'
        f'  <rect width="100%" height="100%" fill="white"/>'
        + line(equity, "Equity, USD", 0, "#06c")
        + line(turnover, "Hedged turnover since the day began, USD", HEIGHT, "#080")
        + "\n</svg>\n"
    )
    if len(sys.argv) > 1:
        with open(sys.argv[1], "w", encoding="utf-8") as out:
            out.write(svg)
    else:
        sys.stdout.write(svg)


main()
