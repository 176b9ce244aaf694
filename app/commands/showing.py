"""A page shown in the web browser without a file: served from memory, to this computer, once."""

from __future__ import annotations

import http.server
import secrets
import sys
import webbrowser
from collections.abc import Callable

from dsp.checks import InputError

WAIT_S = 30.0  #: s that a browser may take to ask for it


def show_once(page: bytes, *, browse: Callable[[str], bool] = webbrowser.open) -> None:
    """Open `page` in the browser and return when it was fetched.

    Its address is a secret of this call, and the browser is told to keep no copy.

    Raises
    ------
    InputError
        No browser asked for it.
    """
    path = f"/{secrets.token_urlsafe(16)}"
    served: list[bool] = []

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not secrets.compare_digest(self.path, path):
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(page)
            served.append(True)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - of the base
            """Nothing of a client is written anywhere."""

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        server.timeout = WAIT_S
        address = f"http://127.0.0.1:{server.server_port}{path}"
        if not browse(address):
            print(f"Open this address in a web browser within {WAIT_S:.0f} s: {address}",
                  file=sys.stderr)  # fmt: skip
        for _ in range(4):  # a browser may ask for its icon first
            server.handle_request()
            if served:
                return
    raise InputError(
        "No web browser asked for the report; use --save FILE for a readable copy, and delete that "
        "afterwards."
    )
