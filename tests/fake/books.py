"""What must hold of every audit, whatever happened: positions, money and orders are the sums of the trades."""

from decimal import Decimal

MAKER = {"alpha": Decimal("0.0002"), "beta": Decimal("0.0001")}
TAKER = {"alpha": Decimal("0.0005"), "beta": Decimal("0.0006")}


def check(test, audit, name="alpha"):
    """audit: of one venue. The positions by symbol, as the trades say."""
    trades = audit["trades"]
    test.assertEqual([trade["id"] for trade in trades], list(range(1, len(trades) + 1)))
    orders = {order["orderId"]: order for order in audit["orders"]}
    test.assertEqual(len({order["clientOrderId"] for order in audit["orders"]}), len(orders))
    positions, money = {}, Decimal(audit["start"])
    of_order = {}
    for trade in trades:
        order = orders[trade["orderId"]]
        quantity, price = Decimal(trade["qty"]), Decimal(trade["price"])
        side = 1 if trade["side"] == "BUY" else -1
        test.assertEqual((trade["side"], trade["symbol"]), (order["side"], order["symbol"]))
        fee = abs(quantity * price * (MAKER if trade["maker"] else TAKER)[name])
        test.assertLessEqual(abs(fee - Decimal(trade["commission"])), Decimal("0.0000005"))
        if order["type"] == "LIMIT":
            test.assertGreaterEqual(side * (Decimal(order["price"]) - price), 0, trade)
        positions[trade["symbol"]] = positions.get(trade["symbol"], 0) + side * quantity
        money += Decimal(trade["realizedPnl"]) - Decimal(trade["commission"])
        of_order.setdefault(trade["orderId"], []).append(trade)
    test.assertEqual(money, Decimal(audit["wallet"]))
    positions = {symbol: quantity for symbol, quantity in positions.items() if quantity != 0}
    test.assertEqual(positions, {row["symbol"]: Decimal(row["positionAmt"]) for row in audit["positions"]})
    for number, order in orders.items():
        fills = of_order.get(number, [])
        test.assertEqual(order["trades"], [trade["id"] for trade in fills])
        filled = sum(Decimal(trade["qty"]) for trade in fills)
        test.assertEqual(filled, Decimal(order["executedQty"]))
        test.assertLessEqual(filled, Decimal(order["origQty"]))
        test.assertEqual(sum(Decimal(t["qty"]) * Decimal(t["price"]) for t in fills), Decimal(order["cumQuote"]))
        if order["status"] == "FILLED":
            test.assertEqual(filled, Decimal(order["origQty"]))
        if order["status"] == "REJECTED":
            test.assertTrue(order["code"] < 0 and not fills)
        if order["status"] == "NEW":
            test.assertFalse(fills)
    return positions


def cost_free(audit):
    """The profit that the trades made and what is open has cost: together what was paid."""
    paid = sum((1 if t["side"] == "BUY" else -1) * Decimal(t["qty"]) * Decimal(t["price"]) for t in audit["trades"])
    made = sum(Decimal(t["realizedPnl"]) for t in audit["trades"])
    return paid + made - sum(Decimal(row["cost"]) for row in audit["positions"])
