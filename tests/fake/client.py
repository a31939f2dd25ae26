"""The fake exchange as a process, and clients of it: HTTP and WebSocket, with the standard library alone."""

import base64
import hashlib
import http.client
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time
import urllib.parse

PROGRAM = str(pathlib.Path(os.environ.get("PERPCORE_BIN", "build/bin"), "fake_exchange"))
TIMEOUT_S = 20


class Refused(Exception):
    """What the exchange answers where it does not answer 200."""

    def __init__(self, status, body, headers):
        super().__init__(status, body)
        self.status = status
        self.headers = headers
        self.code = body.get("code") if isinstance(body, dict) else None


class Exchange:
    """A running fake exchange; with `with`, it ends well or the test fails."""

    def __init__(self, *options):
        self.process = subprocess.Popen([PROGRAM, *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        line = self.process.stdout.readline()
        if not line.startswith("http://127.0.0.1:"):
            raise RuntimeError(self.process.communicate()[1])
        self.port = int(line.rsplit(":", 1)[1])
        self.url = line.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        code, said = self.stop()
        if code != 0 or said:
            raise AssertionError(f"it ended with {code}: {said}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            said = self.process.communicate(timeout=TIMEOUT_S)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            said = self.process.communicate()[1] + "\nit did not end"
        return self.process.returncode, said

    # ---- HTTP ----

    def raw(self, method, path, body=None, headers=None):
        """Status, bytes and headers. ConnectionError where it closes without an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def call(self, method, path, body=None, headers=None):
        status, data, found = self.raw(method, path, body, headers)
        try:
            data = json.loads(data)
        except ValueError:
            pass
        if status != 200:
            raise Refused(status, data, found)
        return data

    def audit(self, venue="alpha"):
        return self.call("GET", "/audit")["venues"][venue]

    def control(self, **wishes):
        return self.call("POST", "/control", json.dumps(wishes))

    def venue(self, name="alpha"):
        return Venue(self, name)


class Venue:
    """What a client asks of one venue."""

    def __init__(self, exchange, name):
        self.exchange = exchange
        self.name = name

    def call(self, method, path, **params):
        text = urllib.parse.urlencode({k: v for k, v in params.items() if v is not None})
        path = f"/{self.name}/fapi/v1/{path}"
        if method == "POST":
            return self.exchange.call(method, path, text, {"Content-Type": "application/x-www-form-urlencoded"})
        return self.exchange.call(method, path + ("?" + text if text else ""))

    def place(self, side, quantity, price=None, tif="GTC", symbol="BTCUSDT", client_id=None, **more):
        limit = {} if price is None else {"price": price, "timeInForce": tif}
        return self.call("POST", "order", symbol=symbol, side=side, type="MARKET" if price is None else "LIMIT",
                         quantity=quantity, newClientOrderId=client_id, **limit, **more)

    def order(self, client_id, symbol="BTCUSDT"):
        return self.call("GET", "order", symbol=symbol, origClientOrderId=client_id)

    def cancel(self, client_id, symbol="BTCUSDT"):
        return self.call("DELETE", "order", symbol=symbol, origClientOrderId=client_id)

    def trades(self, symbol="BTCUSDT", **params):
        return self.call("GET", "userTrades", symbol=symbol, **params)

    def quote(self, symbol="BTCUSDT"):
        row = self.call("GET", "ticker/bookTicker", symbol=symbol)
        return float(row["bidPrice"]), float(row["askPrice"])

    def stream(self, *names):
        key = self.call("POST", "listenKey")["listenKey"]
        return WebSocket(self.exchange.port, f"/{self.name}/ws/" + "/".join(names or (key,)))


class Closed(Exception):
    """The other side has closed; the code of its close frame, or None."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class WebSocket:
    """A client's side of RFC 6455, which can also send what it must not."""

    def __init__(self, port, path, **headers):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self.bytes = b""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = {"Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
                 "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        while b"\r\n\r\n" not in self.bytes:
            self._more()
        answer, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        self.status = int(answer.split()[1])
        self.answer = answer.decode()
        wanted = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        self.accepted = self.status == 101 and f"Sec-WebSocket-Accept: {wanted.decode()}" in self.answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise Closed(None)
        self.bytes += data

    def _take(self, n):
        while len(self.bytes) < n:
            self._more()
        data, self.bytes = self.bytes[:n], self.bytes[n:]
        return data

    def frame(self):
        """The next frame: its first byte and its payload. It must not be masked."""
        first, second = self._take(2)
        assert second < 128, "a server's frame is masked"
        if second == 126:
            second = struct.unpack(">H", self._take(2))[0]
        elif second == 127:
            second = struct.unpack(">Q", self._take(8))[0]
        return first, self._take(second)

    def send(self, opcode, payload=b"", last=True, masked=True, length=None, reserved=0):
        n = len(payload) if length is None else length
        head = bytes([(128 if last else 0) | reserved | opcode])
        bit = 128 if masked else 0
        head += (bytes([bit | n]) if n < 126 else bytes([bit | 126]) + struct.pack(">H", n) if n < 65536
                 else bytes([bit | 127]) + struct.pack(">Q", n))
        if masked:
            mask = os.urandom(4)
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
            head += mask
        self.socket.sendall(head + payload)

    def next(self):
        """The next message; pings are passed over."""
        while True:
            first, payload = self.frame()
            if first == 0x81:
                return json.loads(payload)
            if first == 0x88:
                raise Closed(struct.unpack(">H", payload[:2])[0] if payload else None)

    def until(self, fits, seconds=TIMEOUT_S):
        """All messages up to the first that fits."""
        messages = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            messages.append(self.next())
            if fits(messages[-1]):
                return messages
        raise AssertionError(f"it did not come: {messages}")

    def rest(self, seconds=0.3):
        """What comes within so long."""
        messages = []
        self.socket.settimeout(seconds)
        try:
            while True:
                messages.append(self.next())
        except (socket.timeout, Closed):
            return messages
        finally:
            self.socket.settimeout(TIMEOUT_S)
