"""One exchange as `executor.py` needs it: requests, trades, quotes, the account, open orders. The
dialect is that of Binance's USD-M futures; another exchange is another file like this one. It signs
nothing: that belongs into `Venue.call`.
"""
from __future__ import annotations

import asyncio
import http.client
import json
import os
import time
import urllib.parse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Dict, List, Optional, Sequence, Tuple

import perpcore
from perpcore import Api, Core, Instrument, News, OrderInfo, Position, Tif

MS = 1_000_000
WINDOW_MS = 1000  # an exchange takes no order that is older, however its request lagged
CERTAIN_NS = (WINDOW_MS + 750) * MS  # asked later than this, "no such order" is the truth
NOT_THERE, WOULD_TAKE, NOTHING_TO_REDUCE, ID_USED, UNKNOWN = -2013, -5022, -2022, -4116, -1000
ENDS = {"CANCELED": News.CANCELLED, "EXPIRED": News.EXPIRED, "REJECTED": News.REJECTED}
TIFS = {Tif.GTC: "GTC", Tif.IOC: "IOC", Tif.FOK: "FOK", Tif.POST_ONLY: "GTX"}
ROUND_S, LOOK_S, AGAIN_S = 0.1, 2.0, 0.2
MOST_ROWS, DOWN_AFTER, MOST_REPORT_NS = 1000, 3, 500 * MS


class Lost(Exception):
    """No answer, or one that says nothing: it was carried out or not, nobody knows."""


class Declined(Exception):
    """The exchange answered, and said no."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code


def plain(value: float) -> str:
    """As exchanges read it: no exponent, and no digits that are none."""
    return f"{value:.9f}".rstrip("0").rstrip(".")


@dataclass
class Symbol:
    """What is traded. cursor: the trade up to which all are booked."""

    venue: Venue
    name: str
    instrument: Instrument
    tick: float
    step: float
    least: float
    min_notional: float
    cursor: int = 0


class Venue:
    """An exchange. Requests wait on threads of their own; the book is called on the loop's."""

    def __init__(self, core: Core, url: str, store: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self.core, self.host, self.name = core, parts.netloc, parts.path.strip("/")
        self.cursors = f"{store}.{self.name}.cursors"
        self.threads = ThreadPoolExecutor(16)
        self.symbols: Dict[str, Symbol] = {}
        self.ours: Dict[int, Optional[int]] = {}  # by its ids of orders; None: somebody else's
        self.quiet_ns = 0  # until then it wants no requests
        self.silent = 0  # answers in a row that did not come
        self.counts: Counter[str] = Counter()

    # ---- Requests ------------------------------------------------------------------------------

    def _send(self, method: str, target: str) -> Tuple[int, bytes, float]:
        # A fresh connection each time: a client that repeats a request by itself, because a kept
        # one turned out to be closed, sends an order twice.
        connection = http.client.HTTPConnection(self.host, timeout=10)
        try:
            connection.request(method, target)
            answer = connection.getresponse()
            return answer.status, answer.read(), float(answer.headers.get("Retry-After") or 1)
        finally:
            connection.close()

    async def call(self, method: str, path: str, **params: Any) -> Any:
        target = f"/{self.name}/fapi/v1/{path}?{urllib.parse.urlencode(params)}"
        try:
            status, body, retry_s = await asyncio.get_running_loop().run_in_executor(
                self.threads, self._send, method, target)
            said = json.loads(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._answered(False)
            raise Lost(f"{method} {path}: {error!r}") from None
        self._answered(True)
        if status == 200:
            return said
        if status == 429:
            self.quiet_ns = time.time_ns() + int(retry_s * 1e9)
        code = said.get("code", UNKNOWN) if isinstance(said, dict) else UNKNOWN
        if code == UNKNOWN:
            raise Lost(f"{method} {path}: {said}")
        raise Declined(code, str(said.get("msg")))

    def _answered(self, did: bool) -> None:
        """The gate lets nothing pass to an exchange that is down."""
        was, self.silent = self.silent, 0 if did else self.silent + 1
        if self.symbols and (was >= DOWN_AFTER if did else self.silent == DOWN_AFTER):
            self.core.market.on_status(self.name, time.time_ns(), Api.UP if did else Api.DOWN)

    async def insist(self, path: str, **params: Any) -> Any:
        """Asks until there is an answer."""
        while True:
            try:
                return await self.call("GET", path, **params)
            except (Lost, Declined):
                await asyncio.sleep(AGAIN_S)

    async def send(self, order: OrderInfo) -> Any:
        """An exchange that is told until when an order may be taken takes none that comes later."""
        return await self.call(
            "POST", "order", symbol=self.symbol_of(order.instrument).name, type="LIMIT",
            side=order.side.text.upper(), quantity=plain(order.quantity),
            price=plain(order.limit_price or 0.0), timeInForce=TIFS[order.tif],
            reduceOnly=str(order.reduce_only).lower(), newClientOrderId=order.client_id,
            timestamp=order.placed_ns // MS, recvWindow=WINDOW_MS)

    async def about(self, method: str, order: OrderInfo) -> Any:
        """GET asks for an order, DELETE cancels it: by our own id, the only one surely known."""
        return await self.call(method, "order", symbol=self.symbol_of(order.instrument).name,
                               origClientOrderId=order.client_id)

    def symbol_of(self, instrument: Instrument) -> Symbol:
        return next(s for s in self.symbols.values() if s.instrument is instrument)

    # ---- At the start --------------------------------------------------------------------------

    async def open(self, names: Sequence[str]) -> None:
        """Tells the book what the exchange says of itself, and finds where it was."""
        fees = await self.insist("commissionRate", symbol=names[0])
        self.core.add_exchange(
            self.name, margin_mode="cross", order_rate_per_s=20, order_burst=3,
            maker_fee_bps=round(float(fees["makerCommissionRate"]) * 1e4, 2),
            taker_fee_bps=round(float(fees["takerCommissionRate"]) * 1e4, 2))
        for row in (await self.insist("exchangeInfo"))["symbols"]:
            if row["symbol"] not in names:
                continue
            has = {f["filterType"]: f for f in row["filters"]}
            tick, lot = float(has["PRICE_FILTER"]["tickSize"]), has["LOT_SIZE"]
            step, least = float(lot["stepSize"]), float(lot["minQty"])
            notional = Decimal(has["MIN_NOTIONAL"]["notional"])
            instrument = self.core.add_instrument(
                self.name, f"{row['baseAsset']}/{row['quoteAsset']}:{row['quoteAsset']}",
                qty_step=step, price_tick=tick, min_qty=least, min_notional=notional)
            self.symbols[row["symbol"]] = Symbol(self, row["symbol"], instrument, tick, step, least,
                                                 float(notional))
        if os.path.exists(self.cursors):
            with open(self.cursors, encoding="utf-8") as kept:
                for name, cursor in json.load(kept).items():
                    if name in self.symbols:
                        self.symbols[name].cursor = cursor
        for number in self.core.orders.list(exchange=self.name):  # trades name orders by them
            exchange_id = self.core.orders.get(number).exchange_id
            if exchange_id:
                self.ours[int(exchange_id)] = number

    def keep_cursors(self) -> None:
        """A file that is lost or old costs time and no more: the book knows each trade."""
        with open(self.cursors + ".new", "w", encoding="utf-8") as out:
            json.dump({name: symbol.cursor for name, symbol in self.symbols.items()}, out)
        os.replace(self.cursors + ".new", self.cursors)

    # ---- What it says --------------------------------------------------------------------------

    def tell(self, order: int, kind: News, **more: Any) -> None:
        """Of an order. What comes twice, late, or after the end changes nothing."""
        try:
            self.core.orders.on_order(order, kind, now=time.time_ns(), **more)
            self.counts[kind.text] += 1
        except perpcore.ExistsError:
            self.counts["told_before"] += 1

    def fill(self, order: int, row: Dict[str, Any]) -> None:
        """A trade of ours. The pnl is the exchange's own, before fees."""
        try:
            self.tell(order, News.FILL, fill_id=str(row["id"]), quantity=float(row["qty"]),
                      price=float(row["price"]), fee=Decimal(row["commission"]),
                      pnl=Decimal(row["realizedPnl"]), time=row["time"] * MS)
        except perpcore.NotFoundError:
            print(f"{self.name}: trade {row['id']} is of order {order}, which is no longer kept: "
                  "book it with record_fill", flush=True)

    async def sweep(self, symbol: Symbol) -> bool:
        """Books all trades since the cursor: also those that came while nobody listened, or after
        the end of their order. False: not all of them yet."""
        try:
            while True:
                rows = await self.call("GET", "userTrades", symbol=symbol.name, limit=MOST_ROWS,
                                       fromId=symbol.cursor + 1)
                for row in rows:
                    number = await self.order_of(symbol, row["orderId"])
                    if number is not None:
                        self.fill(number, row)
                    symbol.cursor = max(symbol.cursor, row["id"])
                if len(rows) < MOST_ROWS:
                    return True
        except (Lost, Declined):
            return False

    async def order_of(self, symbol: Symbol, exchange_id: int) -> Optional[int]:
        """Which of ours an order is. Of one whose answer was lost the exchange is asked."""
        if exchange_id not in self.ours:
            said = await self.call("GET", "order", symbol=symbol.name, orderId=exchange_id)
            try:
                self.ours[exchange_id] = self.core.orders.find(said["clientOrderId"])
            except perpcore.NotFoundError:
                self.ours[exchange_id] = None
        return self.ours[exchange_id]

    async def feed(self) -> None:
        """Quotes."""
        while True:
            for row in await self.insist("ticker/bookTicker"):
                if row["symbol"] in self.symbols:
                    self.core.market.on_quote(
                        self.symbols[row["symbol"]].instrument, time.time_ns(),
                        float(row["bidPrice"]), float(row["bidQty"]),
                        float(row["askPrice"]), float(row["askQty"]))
            await asyncio.sleep(ROUND_S)

    async def rounds(self) -> None:
        """Trades all the time, all else now and then."""
        looked = 0.0
        while True:
            for symbol in self.symbols.values():
                await self.sweep(symbol)
            self.keep_cursors()
            if time.monotonic() - looked > LOOK_S:
                looked = time.monotonic()
                await self.look()
            await asyncio.sleep(ROUND_S)

    async def look(self) -> bool:
        """Reports the account and reconciles the open orders. False: not all could be done."""
        try:
            return await self.report() and await self.reconcile()
        except (Lost, Declined):
            return False

    async def report(self) -> bool:
        """An account with fills that the book has not heard of would make it guess whose they are,
        and the gate refuse: so the trades up to then are booked first."""
        sent = time.time_ns()
        account = await self.call("GET", "account")
        came = time.time_ns()
        for symbol in self.symbols.values():
            if not await self.sweep(symbol):
                return False
        if came - sent > MOST_REPORT_NS:
            return False  # it says little about its time; the next one comes
        rows = {row["symbol"]: row for row in account["positions"]}
        try:
            self.core.positions.account(
                self.name, [Position(s.instrument, float(rows[s.name]["positionAmt"]),
                                     float(rows[s.name]["entryPrice"]) or None)
                            for s in self.symbols.values()],
                equity=Decimal(account["totalMarginBalance"]), time=(sent + came) // 2,
                now=time.time_ns())
        except perpcore.StaleError:
            return False  # another one has overtaken it
        return True

    async def reconcile(self) -> bool:
        """Ours that are not listed are in doubt from then on, and asked for. Listed ones that had
        ended here are taken back; those of somebody else stay, and the alert tells of them."""
        sent = time.time_ns()
        listed = await self.call("GET", "openOrders")
        found = self.core.orders.reconcile(self.name, [row["clientOrderId"] for row in listed],
                                           time=sent, now=time.time_ns())
        for row in listed:
            symbol = self.symbols.get(row["symbol"])
            if row["clientOrderId"] in found.foreign and symbol is not None and (
                    await self.order_of(symbol, row["orderId"]) is not None):
                await self.call("DELETE", "order", symbol=symbol.name, orderId=row["orderId"])
        return True
