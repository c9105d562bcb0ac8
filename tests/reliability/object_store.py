"""An S3 server on loopback behind a proxy that harms requests."""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BUCKET = "plates"
SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
Fault = Callable[[str, str], Any]
"""From method and path to None, 'reset', 'hang', 'truncate', 'flip', seconds to wait, or (status, code)."""


class FaultyS3:
    """A proxy in front of moto; ``fault`` says what happens to a request, ``seen`` counts them, ``sent`` the bytes of answers."""

    def __init__(self, port: int) -> None:
        self.behind = port
        self.fault: Fault | None = None
        self.harmed = self.seen = self.sent = 0
        self.lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                """Stay silent."""

            def any(self) -> None:
                """Harm a request or hand it on."""
                proxy.answer(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = any  # noqa: N815

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_: Any) -> None:
                """Clients that go away are what is tested."""

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def harm(self, share: float, how: Any, *, methods: str = "GET PUT POST HEAD DELETE", inside: str = "") -> None:
        """Harm a share of the requests (1.0: all) whose path contains a text."""
        chance = random.Random(7)
        self.fault = lambda method, path: (
            how if method in methods.split() and inside in path and chance.random() < share else None
        )

    def answer(self, client: BaseHTTPRequestHandler) -> None:
        """One request."""
        length = int(client.headers.get("Content-Length") or 0)
        body = client.rfile.read(length) if length else self._chunks(client)
        with self.lock:
            self.seen += 1
            how = self.fault(client.command, client.path) if self.fault is not None else None
            self.harmed += how is not None
        client.close_connection = True
        if how == "reset":
            linger = struct.pack("ii", 1, 0)
            client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            client.connection.close()
            return
        if how == "hang":
            time.sleep(4)
            return
        if isinstance(how, tuple):
            self._refuse(client, *how)
            return
        if isinstance(how, float):
            time.sleep(how)
        self._hand_on(client, body, how)

    @staticmethod
    def _chunks(client: BaseHTTPRequestHandler) -> bytes:
        if "chunked" not in client.headers.get("Transfer-Encoding", ""):
            return b""
        parts = []
        while size := int(client.rfile.readline().split(b";")[0], 16):
            parts.append(client.rfile.read(size))
            client.rfile.readline()
        while client.rfile.readline().strip():
            pass
        return b"".join(parts)

    @staticmethod
    def _refuse(client: BaseHTTPRequestHandler, status: int, code: str) -> None:
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
        client.send_response(status)
        client.send_header("Content-Type", "application/xml")
        client.send_header("Content-Length", str(len(text) if client.command != "HEAD" else 0))
        client.send_header("Connection", "close")
        client.end_headers()
        if client.command != "HEAD":
            client.wfile.write(text)

    def _hand_on(self, client: BaseHTTPRequestHandler, body: bytes, how: Any) -> None:
        behind = http.client.HTTPConnection("127.0.0.1", self.behind, timeout=30)
        headers = {
            name: value
            for name, value in client.headers.items()
            if name.lower() not in ("connection", "expect", "transfer-encoding", "content-length")
        }
        behind.request(client.command, client.path, body, {**headers, "Content-Length": str(len(body))})
        answer = behind.getresponse()
        content = answer.read()
        client.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                client.send_header(name, value)
        stated = answer.getheader("Content-Length") if client.command == "HEAD" else str(len(content))
        client.send_header("Content-Length", stated or "0")
        client.send_header("Connection", "close")
        client.end_headers()
        if how == "truncate":
            content = content[: len(content) // 2]
        if how == "flip" and content:
            at = len(content) // 2
            content = content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]
        with self.lock:
            self.sent += len(content)
        client.wfile.write(content)
        behind.close()
