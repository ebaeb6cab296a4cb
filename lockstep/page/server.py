"""The server of the page: two addresses, on this machine alone, and a short answer to whatever is not meant for it.

A page of somebody else's, open in the same browser, can send requests here too. So the names in Host and Origin must be this
server's own, which also stops a foreign name that was made to lead to 127.0.0.1.  No file is served: the page is in memory.
"""

import json
import socket
import socketserver
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from shared.data.handwriting import FRAME
from shared.errors import InputError

PAGE, ANSWER = "/", "/answer"  # GET, POST
METHODS = {PAGE: ("GET", "HEAD"), ANSWER: ("POST",)}
LARGEST = 2**14  # bytes of a question; a frame takes at most 3,933
PAUSE, LIMIT = 5.0, 10.0  # seconds that a peer may keep silent, and that a request may take in all
MOST = 16  # connections at once
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1 from the start; serves once ``page`` and ``answer`` are set. Use as a context manager.

    Attributes:
        page, policy: the page, as bytes of HTML, and its Content-Security-Policy.
        answer: what is said of a frame, uint8 (28, 28), as a dictionary for JSON; called from several threads.

    Raises:
        InputError: a port that is no port, or is taken.
    """

    daemon_threads = True
    page: bytes = b""
    policy: str = "default-src 'none'"
    answer: Callable[[np.ndarray], dict[str, Any]]

    def __init__(self, port: int) -> None:
        if not 0 <= port <= 65535:
            raise InputError(f"A port is a number from 0 to 65535. Received: {port!s:.20}. Use 0 for any free one.")
        self._since: dict[socket.socket, float] = {}
        try:
            super().__init__(("127.0.0.1", port), Handler)
        except OSError as error:
            why = f"port {port} ({error.strerror})"
            raise InputError(
                f"The page needs a free port of this machine. Received: {why}. Use --port 0 for any free one."
            ) from None
        port = self.server_address[1]
        self.names = tuple(f"{name}:{port}" for name in ("127.0.0.1", "localhost"))
        self.url = f"http://{self.names[0]}{PAGE}"

    def server_bind(self) -> None:
        """As TCPServer: the HTTP one would ask the network for this machine's name."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread, unless there are too many."""
        if len(self._since) >= MOST:
            with suppress(OSError):
                request.setblocking(False)
                request.send(b"HTTP/1.0 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            self.close_request(request)
            return
        self._since[request] = time.monotonic()
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Called twice a second: cut the connections that take too long."""
        for request, since in list(self._since.items()):
            if time.monotonic() - since > LIMIT:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        """Close, after reading what the peer still sends: else it might lose the answer to a request that was refused."""
        with suppress(OSError):
            request.shutdown(socket.SHUT_WR)
            request.settimeout(1.0)
            while request.recv(2**16):
                pass
        self.close_request(request)

    def close_request(self, request: Any) -> None:
        """Close and forget the connection."""
        self._since.pop(request, None)
        super().close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that goes away is no news; all else is a mistake here, and shown."""
        import sys

        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One request a connection."""

    server: Server
    timeout = PAUSE
    server_version, sys_version = "lockstep", ""
    default_request_version = "HTTP/1.0"

    def parse_request(self) -> bool:
        """Read the head of the request; refuse it here if it is not for us."""
        if not super().parse_request():
            return False
        for status, wrong in self._rules():
            if wrong:
                self.send_error(status)
                return False
        return True

    def _rules(self) -> list[tuple[int, bool]]:
        """Each rule as the status of its refusal and whether the request breaks it; the first one counts."""
        hosts, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        ours = [f"http://{name}" for name in self.server.names]
        return [
            (400, len(hosts) != 1 or len(origins) > 1),
            (403, any(host.lower() not in self.server.names for host in hosts)),
            (403, any(origin not in ours for origin in origins)),
            (404, self.path not in METHODS),
            (405, self.command not in METHODS.get(self.path, ())),
        ]

    def do_GET(self) -> None:
        """The page."""
        self._send(200, "text/html", self.server.page)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """What the nets say of a frame."""
        lengths, kind = self.headers.get_all("Content-Length", []), self.headers.get_content_type()
        if len(lengths) != 1 or "Transfer-Encoding" in self.headers or not (lengths[0].isascii() and lengths[0].isdigit()):
            self.send_error(411)
        elif len(lengths[0]) > 9 or int(lengths[0]) > LARGEST:
            self.send_error(413)
        elif kind != "application/json":
            self.send_error(415)
        elif (frame := frame_of(self.rfile.read(int(lengths[0])))) is None:
            self.send_error(400)
        else:
            self._send(200, "application/json", json.dumps(self.server.answer(frame)).encode())

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """A refusal, in a line that repeats nothing of the request."""
        self.close_connection = True
        self._send(code, "text/plain", f"{code} {HTTPStatus(code).phrase}\n".encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        policy = {"Content-Security-Policy": f"{self.server.policy}; frame-ancestors 'none'"}
        shown = HEADERS | policy | {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(body))}
        if status == 405:
            shown["Allow"] = ", ".join(METHODS[self.path])
        for name, value in shown.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def frame_of(body: bytes) -> np.ndarray | None:
    """The frame, uint8 (28, 28), of a question ``{"frame": [784 whole numbers from 0 to 255]}``; None for anything else."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return None
    pixels = asked.get("frame") if isinstance(asked, dict) else None
    if not isinstance(pixels, list) or len(pixels) != FRAME * FRAME:
        return None
    if not all(type(pixel) is int and 0 <= pixel <= 255 for pixel in pixels):
        return None
    return np.array(pixels, np.uint8).reshape(FRAME, FRAME)
