"""Nothing that strangers send stops the exchange or changes its books."""

import json
import random
import socket
import subprocess
import unittest

import books
from client import PROGRAM, Exchange, Refused


class Hostile(unittest.TestCase):
    def setUp(self):
        self.exchange = Exchange("--manual")
        self.venue = self.exchange.venue()

    def tearDown(self):
        audit = self.exchange.audit()
        books.check(self, audit)
        self.assertEqual(self.venue.place("BUY", "0.01", "40000", client_id="last")["status"], "NEW")
        self.assertEqual(self.exchange.stop(), (0, ""))

    def send(self, data):
        """What comes back for these bytes."""
        with socket.create_connection(("127.0.0.1", self.exchange.port), timeout=5) as connection:
            answer = b""
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                while True:
                    more = connection.recv(65536)
                    if not more:
                        return answer
                    answer += more
            except OSError as error:  # it may close before all was sent, not keep silent
                self.assertNotIsInstance(error, socket.timeout)
                return answer

    def status(self, method, path, body=None, headers=None):
        return self.exchange.raw(method, path, body, headers)[0]

    def test_bodies_that_are_no_wishes(self):
        for body in (b"", b"{", b"[]", b"null", b"\xff\xfe", b"{} {}", b'{"settle":', b"[" * 60000,
                     b'{"faults":' * 3000, b'{"a\xff\x01":1}', b'{"settle":true,"settle":3}', b"\0", b"{}\0{}"):
            status, data, _ = self.exchange.raw("POST", "/control", body)
            self.assertEqual(status, 400, body[:30])
            self.assertIn("msg", json.loads(data))
        self.assertEqual(self.status("GET", "/control"), 400)
        self.assertEqual(self.status("POST", "/audit"), 405)

    def test_parameters_that_are_none(self):
        base = "/alpha/fapi/v1/order?symbol=BTCUSDT"
        for query in ("&orderId=%", "&orderId=%4", "&orderId=%zz", "&orderId=%00", "&" + "a" * 33 + "=1",
                      "&orderId=" + "1" * 300, "&symbol=BTCUSDT", "&" + "&".join(f"p{i}=1" for i in range(40)),
                      "&orderId=99999999999999999999", "&orderId=-1", "&orderId="):
            self.assertEqual(self.status("GET", base + query), 400, query[:40])
        self.assertEqual(self.status("GET", "/alpha/fapi/v1/depth?symbol=BTCUSDT&&&limit=5&"), 200)
        self.assertEqual(self.status("GET", "/alpha/fapi/v1/depth?symbol=BTCUSDT&limit=0"), 400)

    def test_paths_that_lead_nowhere(self):
        for path in ("/", "//", "/alpha", "/alpha/", "/alpha/fapi", "/alpha/fapi/v", "/alpha/fapi/v1", "/alpha/fapi/v9/ping",
                     "/alpha/fapi/v1/", "/alpha/fapi/v1/order/x", "/alph/fapi/v1/ping", "/alphaa/fapi/v1/ping", "/%",
                     "/../../etc/passwd", "/alpha/fapi/v1/ping%00", "/" + "a" * 5000):
            self.assertEqual(self.status("GET", path), 404, path[:40])
        for method in ("PUT", "PATCH", "OPTIONS", "HEAD", "ABCDEFGHIJ"):
            self.assertEqual(self.status(method, "/alpha/fapi/v1/order"), 405, method)

    def test_bodies_that_are_too_large(self):
        self.assertEqual(self.status("POST", "/control", b" " * 65537), 413)
        self.assertEqual(self.status("POST", "/alpha/fapi/v1/order", b"a=" + b"1" * 300000), 413)
        self.assertEqual(self.status("POST", "/control", b"{}" + b" " * 65534), 200)

    def test_bytes_that_are_no_request(self):
        source = random.Random(3)
        whole = (b"POST /alpha/fapi/v1/order HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n"
                 b"symbol=BTCUSDT&side=BUY&type=L")
        for end in range(0, len(whole), 3):
            self.send(whole[:end])
        for _ in range(150):
            broken = bytearray(whole)
            for _ in range(source.randint(1, 6)):
                broken[source.randrange(len(broken))] = source.randrange(256)
            self.send(bytes(broken))
        self.send(bytes(source.randrange(256) for _ in range(20000)))
        self.send(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n")
        self.send(b"POST /control HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")

    def test_orders_of_any_text(self):
        source = random.Random(4)
        texts = ["", "0", "1", "-1", "0.001", "1e9", "999999999999999999", "9223372036854775808", "NaN", "LIMIT", "BUY",
                 "MARKET", "GTC", "BTCUSDT", "true", "\xff", "a" * 255, "0x1", "60000", "🙂", "'", "%s%n"]
        names = ["symbol", "side", "type", "timeInForce", "quantity", "price", "reduceOnly", "newClientOrderId", "timestamp",
                 "recvWindow", "positionSide"]
        good = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
                "price": "50000"}
        for _ in range(400):
            order = dict(good)
            for name in source.sample(names, source.randint(1, 3)):
                order[name] = source.choice(texts)
            try:
                self.venue.call("POST", "order", **order)
            except Refused as refused:
                self.assertEqual(refused.status, 400)
                self.assertLess(refused.code, -1000)

    def test_many_idle_connections_do_not_keep_others_out(self):
        idle = [socket.create_connection(("127.0.0.1", self.exchange.port)) for _ in range(300)]
        self.venue.quote()
        for connection in idle:
            connection.close()


class Options(unittest.TestCase):
    def test_options_that_are_wrong_are_refused_by_name(self):
        for wrong, said in [(["--port"], "--port"), (["--port", "65536"], "--port"), (["--port", "x"], "--port"),
                            (["--seed", "-1"], "--seed"), (["--venues", ""], "venues"), (["--venues", "a,a"], "venues"),
                            (["--venues", "a,,b"], "venues"), (["--venues", "a/b"], "venues"),
                            (["--venues", ",".join("abcdefghi")], "venues"), (["--venues", "a" * 32], "venues"),
                            (["--speed", "0"], "--speed"), (["--speed", "nan"], "--speed"), (["--faults", "many"], "many"),
                            (["--faults", "/"], "/"), (["--balance", "1e3"], "--balance"), (["--key", "k"], "--secret"),
                            (["--hurry"], "--hurry"), (["x"], "x")]:
            done = subprocess.run([PROGRAM, *wrong], capture_output=True, text=True, timeout=20)
            self.assertEqual((done.returncode, done.stdout), (2, ""), wrong)
            self.assertIn(said, done.stderr.splitlines()[0])
        self.assertEqual(subprocess.run([PROGRAM, "--help"], capture_output=True, timeout=20).returncode, 0)
        with Exchange() as exchange:
            done = subprocess.run([PROGRAM, "--port", str(exchange.port)], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 1)
            self.assertIn(str(exchange.port), done.stderr)


if __name__ == "__main__":
    unittest.main()
