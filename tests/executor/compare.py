"""Holds the book of an executor against the audit of its exchanges."""
import collections
import json
import sqlite3
from decimal import Decimal

NAKED_USD = 10  # leg_risk_usd
MOST_SHOWN = 5


class Checks:
    def __init__(self):
        self.passed, self.failed = 0, 0

    def equal(self, name, got, wanted):
        self.none(name, [] if got == wanted else [f"{got}, wanted {wanted}"])

    def none(self, name, wrong):
        """wrong: what is not as it must be."""
        self.passed += not wrong
        self.failed += bool(wrong)
        for line in list(wrong)[:MOST_SHOWN]:
            print(f"FAILED {name}: {line}")
        if len(wrong) > MOST_SHOWN:
            print(f"FAILED {name}: {len(wrong)} in all")


def micro(amount):
    return int(Decimal(amount) * 1000000)


def sums_of(trades):
    """Of each order by exchange and client id: filled, volume, fees, pnl, as the exchange's trades say."""
    sums = collections.defaultdict(lambda: [Decimal(0), 0, 0, 0])
    for name, trade in trades:
        row = sums[name, trade["clientOrderId"]]
        row[0] += Decimal(trade["qty"])
        row[1] += micro(Decimal(trade["qty"]) * Decimal(trade["price"]))
        row[2] += micro(trade["commission"])
        row[3] += micro(trade["realizedPnl"])
    return sums


def orders(checks, book, audit):
    ours = {(row["exchange"], row["client_id"]): row for row in book["orders"]}
    theirs = {(name, row["clientOrderId"]): row for name, venue in audit.items() for row in venue["orders"]}
    checks.equal("every client id of the book is one order", len(ours), len(book["orders"]))
    checks.equal("the book has all its orders", len(ours), book["counts"]["placed"])
    checks.none("every order at the exchange is in the book", [key for key in theirs if key not in ours])
    checks.none("an order that the exchange never took is rejected, and nothing of it is filled",
                [row for key, row in ours.items() if key not in theirs and
                 (row["state"] not in ("rejected", "declined") or row["filled"] != 0)])
    ends = {"FILLED": ("filled",), "CANCELED": ("cancelled", "filled"), "EXPIRED": ("expired", "filled"),
            "REJECTED": ("rejected", "declined")}
    checks.none("an order ended in the book as it did at the exchange",
                [(theirs[key]["status"], row) for key, row in ours.items()
                 if key in theirs and row["state"] not in ends.get(theirs[key]["status"], ())])
    return ours


def trades(checks, folder, ours, audit):
    all_trades = [(name, trade) for name, venue in audit.items() for trade in venue["trades"]]
    sums = sums_of(all_trades)
    wrong = []
    for key, row in ours.items():
        filled, *money = sums[key]
        if abs(Decimal(row["filled"]) - filled) > Decimal("1e-9") * max(filled, 1) or \
                money != [row["volume"], row["fees"], row["pnl"]]:
            wrong.append((key, filled, money, row))
    checks.none("fills, volume, fees and profit of every order are those of its trades", wrong)
    with sqlite3.connect(folder / "book.db") as store:
        if not store.execute("SELECT 1 FROM sqlite_master WHERE name = 'fills'").fetchone():
            return len(all_trades)
        rows = store.execute("SELECT exchange, fill_id FROM fills WHERE fill_id IS NOT NULL").fetchall()
    counts = collections.Counter(rows)
    booked = collections.Counter((name, str(trade["id"])) for name, trade in all_trades)
    checks.none("no trade is booked twice", [key for key, n in counts.items() if n > 1])
    checks.none("every trade is booked, and no other", list((counts - booked) + (booked - counts)))
    return len(all_trades)


def positions(checks, book, audit):
    for name, venue in audit.items():
        there = {row["symbol"]: Decimal(row["positionAmt"]) for row in venue["positions"]}
        rows = book["venues"][name]["positions"]
        checks.none(f"positions at {name} are the exchange's",
                    [(symbol, row["quantity"], there.get(symbol, 0)) for symbol, row in rows.items()
                     if abs(row["quantity"] - float(there.get(symbol, 0))) > row["step"] * 1e-6])
        checks.none(f"nothing at {name} is unexplained", [row for row in rows.values() if row["latched"]])
        checks.equal(f"capital in flight at {name}", book["venues"][name]["in_flight"], 0)
        money = sum(row["pnl"] - row["fees"] for row in book["orders"] if row["exchange"] == name)
        checks.equal(f"the wallet at {name} is what the book's fills made of it",
                     micro(venue["start"]) + money, micro(venue["wallet"]))


def exchange(checks, audit):
    for name, venue in audit.items():
        checks.equal(f"client ids that were sent twice to {name}", venue["counts"]["duplicates"], 0)
        checks.equal(f"orders that {name} could not read", venue["counts"]["malformed"], 0)
        checks.none(f"nothing is open at {name}",
                    [row for row in venue["orders"] if row["status"] in ("NEW", "PARTIALLY_FILLED")])


def quiet(checks, book):
    checks.equal("the book is sound", book["sound"], True)
    for what, key in (("jobs", "running"), ("jobs", "in_doubt"), ("jobs", "pending"), ("counts", "open"),
                      ("counts", "in_doubt")):
        checks.equal(f"{what} {key}", book[what][key], 0)
    checks.none("no base is naked", [(base, row) for base, row in book["bases"].items() if row["is_naked"]])
    for what in ("conflicts", "strangers", "errors"):
        checks.equal(what, book["counts"][what], 0)


def naked_times(folder):
    path = folder / "book.db.naked"
    return sorted(int(line.split()[1]) / 1e9 for line in path.read_text().splitlines() if len(line.split()) == 3)


def tell(folder, book, audit, n_trades):
    faults = collections.Counter()
    for venue in audit.values():
        faults.update(venue["faults"])
    print("jobs:", ", ".join(f"{key} {n}" for key, n in book["jobs"].items()))
    print(f"orders: {book['counts']['placed']}, trades: {n_trades}")
    print("refused by gate:", ", ".join(f"{key} {n}" for key, n in book["refused"].items()) or "none")
    print("faults:", ", ".join(f"{key} {n}" for key, n in faults.items() if n))
    times = naked_times(folder)
    if times:
        at = lambda share: times[min(len(times) - 1, int(len(times) * share))]
        print(f"unhedged: {len(times)} times, median {at(0.5):.3f} s, 90 % {at(0.9):.3f} s, 99 % {at(0.99):.3f} s, "
              f"longest {times[-1]:.3f} s")


def everything(folder, others):
    """How many checks passed and failed. others: by name, what was got and what was wanted."""
    checks = Checks()
    for name, (got, wanted) in others.items():
        checks.equal(name, got, wanted)
    path = folder / "book.json"
    if not path.exists():
        checks.none("the executor says how its book ended", ["it does not"])
        return checks.passed, checks.failed
    book = json.loads(path.read_text())
    audit = json.loads((folder / "audit.json").read_text())["venues"]
    exchange(checks, audit)
    ours = orders(checks, book, audit)
    n_trades = trades(checks, folder, ours, audit)
    positions(checks, book, audit)
    quiet(checks, book)
    tell(folder, book, audit, n_trades)
    return checks.passed, checks.failed
