"""A provider of identities (OpenID Connect) of the tests' own, on loopback: it signs what it says, and can fail."""

from __future__ import annotations

import http.server
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "gatherset", "a secret of the tests"


class Provider:
    """Whoever comes is `person`, without being asked. What a test sets holds from the next request on."""

    def __init__(self) -> None:
        self.person: dict[str, Any] = {"sub": "1", "email": "ann@example.org", "email_verified": True}
        self.clock = 0  # seconds that it is ahead
        self.refuses = False
        self.down = False
        self.left = 0  # how often somebody has signed out here too
        self._key = RSAKey.generate_key(2048, {"kid": "tests", "use": "sig", "alg": "RS256"})
        self._codes: dict[str, str | None] = {}  # code: nonce
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider._answer(self, b"")

            def do_POST(self) -> None:
                provider._answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.metadata = f"{self.url}/.well-known/openid-configuration"

    def _answer(self, handler: http.server.BaseHTTPRequestHandler, data: bytes) -> None:
        parts = urlsplit(handler.path)
        given = {key: values[0] for key, values in parse_qs(parts.query or data.decode()).items()}
        if self.down:
            handler.send_error(503)
        elif parts.path == "/authorize":
            back = {"state": given["state"]}
            if self.refuses:
                back["error"] = "access_denied"
            else:
                back["code"] = secrets.token_hex(8)
                self._codes[back["code"]] = given.get("nonce")
            self._send_on(handler, f"{given['redirect_uri']}?{urlencode(back)}")
        elif parts.path == "/logout":
            self.left += 1
            self._send_on(handler, given["post_logout_redirect_uri"])
        else:
            self._send(handler, self._document(parts.path, given))

    def _document(self, path: str, given: dict[str, str]) -> Any:
        if path == "/keys":
            return {"keys": [self._key.as_dict(private=False)]}
        if path == "/token":
            now = int(time.time()) + self.clock
            claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, **self.person}
            claims |= {"nonce": nonce} if (nonce := self._codes.pop(given["code"])) else {}
            token = jwt.encode({"alg": "RS256", "kid": "tests"}, claims, self._key)
            return {"access_token": "none", "token_type": "Bearer", "expires_in": 300, "id_token": token}
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "end_session_endpoint": f"{self.url}/logout",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _send_on(self, handler: http.server.BaseHTTPRequestHandler, address: str) -> None:
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def _send(self, handler: http.server.BaseHTTPRequestHandler, document: Any) -> None:
        body = json.dumps(document).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    @contextmanager
    def running(self) -> Iterator[Provider]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
