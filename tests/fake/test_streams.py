"""The streams: what comes, what a client may say, and what it may not."""

import json
import struct
import time
import unittest

from client import Closed, Exchange, WebSocket


class Streams(unittest.TestCase):
    def setUp(self):
        self.exchange = Exchange("--manual")
        self.venue = self.exchange.venue()

    def tearDown(self):
        self.assertEqual(self.exchange.stop(), (0, ""))

    def open(self, path, **headers):
        stream = WebSocket(self.exchange.port, path, **headers)
        self.addCleanup(stream.socket.close)
        return stream

    def closes_with(self, code, stream):
        with self.assertRaises(Closed) as caught:
            while True:
                stream.next()
        self.assertEqual(caught.exception.code, code)

    def until_streams(self, n):
        end = time.monotonic() + 10
        while self.exchange.audit()["counts"]["streams"] != n and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(self.exchange.audit()["counts"]["streams"], n)

    def test_every_trade_is_told_once_with_its_order_and_the_account_after_it(self):
        ask = self.venue.quote()[1]
        with self.venue.stream() as stream:
            self.assertTrue(stream.accepted)
            self.venue.place("BUY", "1", ask + 30, "IOC", client_id="a")
            messages = stream.until(lambda m: m.get("o", {}).get("X") in ("EXPIRED", "FILLED"))
            trades = self.venue.trades()
            told = [m["o"] for m in messages if m.get("o", {}).get("x") == "TRADE"]
            self.assertGreater(len(trades), 1)
            self.assertEqual([(o["t"], o["l"], o["L"], o["n"], o["rp"]) for o in told],
                             [(t["id"], t["qty"], t["price"], t["commission"], t["realizedPnl"]) for t in trades])
            self.assertTrue(all(o["c"] == "a" and o["i"] == trades[0]["orderId"] for o in told))
            account = (messages + stream.rest())[-1]
            self.assertEqual(account["e"], "ACCOUNT_UPDATE")
            self.assertEqual(account["a"]["P"][0]["pa"], self.venue.order("a")["executedQty"])
            self.assertEqual(account["a"]["B"][0]["wb"], self.venue.call("GET", "balance")[0]["balance"])

    def test_all_ways_to_a_stream(self):
        key = self.venue.call("POST", "listenKey")["listenKey"]
        for path in (f"/alpha/ws/{key}", f"/alpha/private/ws?listenKey={key}", f"/alpha/private/ws/{key}",
                     f"/alpha/stream?streams={key}"):
            stream = self.open(path)
            self.venue.place("BUY", "0.01", "40000")
            message = stream.next()
            message = message["data"] if "stream" in path else message
            self.assertEqual(message["o"]["x"], "NEW", path)
        for path in ("/alpha/ws/btcusdt@bookTicker", "/alpha/ws/btcusdt%40bookTicker",
                     "/alpha/stream?streams=btcusdt@bookTicker"):
            stream = self.open(path)
            self.exchange.control(advance_ms=100)
            message = stream.next()
            message = message["data"] if "data" in message else message
            bid, ask = self.venue.quote()
            self.assertEqual((float(message["b"]), float(message["a"])), (bid, ask))
        for path in ("/alpha/ws/xxxusdt@bookTicker", "/alpha/ws/" + "0" * 64, "/alpha/private/ws?listenKey=x",
                     "/alpha/private/ws", "/gamma/ws", "/alpha/wss", "/ws"):
            self.assertEqual(self.open(path).status, 404, path)
        self.assertEqual(self.exchange.raw("GET", "/alpha/ws")[0], 400)
        self.assertEqual(self.open("/alpha/ws", **{"Sec-WebSocket-Version": "8"}).status, 426)
        self.assertEqual(self.open("/alpha/ws", **{"Sec-WebSocket-Key": "short"}).status, 400)
        self.assertEqual(self.open("/alpha/ws", Upgrade="h2c").status, 400)

    def test_subscribing_and_back(self):
        stream = self.open("/alpha/public/ws/0")

        def say(message):
            stream.send(1, message if isinstance(message, bytes) else json.dumps(message).encode())
            return stream.until(lambda m: "id" in m)[-1]

        names = ["btcusdt@bookTicker", "ETHUSDT@depth5", "solusdt@depth10@100ms"]
        self.assertEqual(say({"method": "SUBSCRIBE", "params": names, "id": 7}), {"result": None, "id": 7})
        self.exchange.control(advance_ms=100)
        messages = stream.rest()
        self.assertEqual([(m["e"], m["s"]) for m in messages],
                         [("bookTicker", "BTCUSDT"), ("depthUpdate", "ETHUSDT"), ("depthUpdate", "SOLUSDT")])
        self.assertEqual([len(m["b"]) for m in messages[1:]], [5, 10])
        self.assertEqual(messages[1]["b"],
                         self.venue.call("GET", "depth", symbol="ETHUSDT", limit=5)["bids"])
        say({"method": "UNSUBSCRIBE", "params": names[1:], "id": 8})
        self.exchange.control(advance_ms=100)
        self.assertEqual([m["e"] for m in stream.rest()], ["bookTicker"])
        for wrong in (b"{", b"[]", b"null", b"1e999", b'{"method":1}', b'{"method":"SUBSCRIBE","id":1}',
                      b'{"method":"SUBSCRIBE","params":"x","id":1}', b'{"method":"SUBSCRIBE","params":[1],"id":1}',
                      b'{"method":"SUBSCRIBE","params":["ethusdt@bookTicker","nothing"],"id":{}}', b"[" * 5000):
            self.assertIn("error", say(wrong))
        self.exchange.control(advance_ms=100)
        self.assertEqual([m["s"] for m in stream.rest()], ["BTCUSDT"])

    def test_pings_are_answered_and_a_close_is_closed(self):
        stream = self.venue.stream()
        stream.send(9, b"are you there")
        self.assertEqual(stream.frame(), (0x8A, b"are you there"))
        stream.send(10, b"unasked")
        stream.send(8, struct.pack(">H", 3001) + b"bye")
        self.assertEqual(stream.frame(), (0x88, struct.pack(">H", 3001)))
        with self.assertRaises(Closed):
            stream.frame()
        self.until_streams(0)

    def test_what_breaks_the_protocol_is_closed_with_its_code(self):
        for code, break_it in [
                (1002, lambda s: s.send(1, b"{}", masked=False)), (1002, lambda s: s.send(1, b"{}", reserved=0x40)),
                (1002, lambda s: s.send(3, b"{}")), (1002, lambda s: s.send(9, b"x" * 126)),
                (1002, lambda s: s.send(0, b"{}")), (1009, lambda s: s.send(1, b"", length=65537)),
                (1009, lambda s: s.send(1, b"", length=2**63 - 1)), (1009, lambda s: s.send(1, b"", length=2**64 - 1)),
                (1007, lambda s: s.send(1, b"\xff")), (1003, lambda s: s.send(2, b"{}")),
                (1002, lambda s: s.send(8, b"\x03"))]:
            with self.venue.stream() as stream:
                break_it(stream)
                self.closes_with(code, stream)
        self.until_streams(0)

    def test_a_message_in_pieces_and_bytes_one_by_one(self):
        stream = self.open("/alpha/ws")
        stream.send(1, b'{"method":"SUBSCRIBE",', last=False)
        stream.send(0, b'"params":[],', last=False)
        stream.send(9, b"!")
        stream.send(0, b'"id":1}')
        self.assertEqual(stream.frame(), (0x8A, b"!"))
        self.assertEqual(stream.next(), {"result": None, "id": 1})
        for byte in bytes([0x81, 0x82, 1, 2, 3, 4, ord("{") ^ 1, ord("}") ^ 2]):
            stream.socket.sendall(bytes([byte]))
            time.sleep(0.002)
        self.assertIn("error", stream.next())

    def test_clients_that_vanish_are_forgotten_and_others_go_on(self):
        streams = [self.venue.stream() for _ in range(20)]
        self.until_streams(20)
        for stream in streams[1:]:
            stream.socket.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER: reset
            stream.socket.close()
        self.venue.place("BUY", "0.01", "40000", client_id="a")
        self.assertEqual(streams[0].next()["o"]["c"], "a")
        self.until_streams(1)
        streams[0].socket.close()
        self.until_streams(0)
        self.venue.cancel("a")
        self.assertGreaterEqual(self.exchange.audit()["counts"]["undelivered"], 1)

    def test_one_that_does_not_read_is_cut_and_holds_up_nobody(self):
        names = [f"{s}@depth10" for s in ("btcusdt", "ethusdt", "solusdt", "dogeusdt")]
        lazy, reading = self.venue.stream(*names), self.venue.stream("btcusdt@bookTicker")
        for _ in range(40):
            self.exchange.control(advance_ms=60000)
            self.assertGreaterEqual(len(reading.rest(0.05)), 100)
            if self.exchange.audit()["counts"]["streams"] == 1:
                break
        self.until_streams(1)
        lazy.socket.close()
        reading.socket.close()

    def test_there_is_an_end_to_how_many(self):
        streams = [self.open("/alpha/ws") for _ in range(256)]
        self.assertEqual(self.open("/alpha/ws").status, 503)
        for stream in streams:
            stream.socket.close()
        self.until_streams(0)
        self.assertTrue(self.venue.stream().accepted)

    def test_it_ends_with_streams_open(self):
        with Exchange() as exchange:
            streams = [exchange.venue().stream() for _ in range(5)]
        for stream in streams:
            with self.assertRaises(Closed):
                while True:
                    stream.next()


if __name__ == "__main__":
    unittest.main()
