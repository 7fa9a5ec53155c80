"""The provider of identities (OpenID Connect): Streamlit's st.login speaks with it, this is what it needs and gives.

The way of a person: sign-in page, /enter (where st.login sends them on), the provider, /oauth2callback (Streamlit's),
and /enter again, which knows them now and hands them over with a pass to /arrived, where the session begins.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Mapping
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from gatherset.annotate.accounts import account_from_provider
from gatherset.dataset.errors import GathersetError, InputError
from gatherset.dataset.workspace import Workspace

SECRET = "GATHERSET_PROVIDER_SECRET"
FRESH = 600  # seconds since the provider said who it is; later, it is asked again
PASS_SECONDS = 60
_passes: dict[str, tuple[int, float]] = {}  # what was handed over: to whom, and until when
_lock = Lock()


def configuration(workspace: Workspace) -> Mapping[str, Any] | None:
    """What Streamlit's secrets say under `auth`; None where there is no provider.

    Raises InputError where its secret is not in the environment.
    """
    app = workspace.settings.app
    if not app.provider:
        return None
    if not os.environ.get(SECRET):
        raise InputError(
            f"gatherset.toml names a provider of identities, and {SECRET} is not set",
            "Set it to the secret that the provider gave for this client_id",
        )
    # Of the provider's secret too, which no catalog and no backup holds: who reads one of those cannot make a cookie.
    key = hmac.new(os.environ[SECRET].encode(), b"provider " + workspace.pseudonym_key.encode(), hashlib.sha256)
    return {
        "redirect_uri": f"{app.url.rstrip('/')}/oauth2callback",
        "cookie_secret": key.hexdigest(),
        "client_id": app.client_id,
        "client_secret": os.environ[SECRET],
        "server_metadata_url": app.provider,
    }


def title(workspace: Workspace) -> str:
    """What the provider is called on the sign-in page; "" where there is none."""
    return urlsplit(workspace.settings.app.provider).hostname or ""


def known_person(workspace: Workspace, claims: Mapping[str, Any]) -> int:
    """The annotator of whom the provider says `claims`. Raises GathersetError where it is nobody who may come in."""
    # A provider that does not say when is taken at its word: its token was checked a moment ago.
    if abs(time.time() - float(claims.get("iat") or time.time())) > FRESH:
        raise GathersetError(
            "what the provider says of you is not fresh",
            "Sign in again; if that does not help, the clocks of this server and of the provider differ",
        )
    verified = claims.get("email_verified", workspace.settings.app.trust_email)
    email = claims.get("email") if verified in (True, "true") else None
    found = account_from_provider(workspace, f"{claims['iss']} {claims['sub']}", email)
    if found is None and "email_verified" not in claims and email is None:
        raise GathersetError(
            "the provider does not say whether it has verified your e-mail address",
            "Where it verifies all of them, a maintainer says so in gatherset.toml: [app] trust_email = true",
        )
    if found is None:
        raise GathersetError(
            "nobody with your e-mail address has an account here", "Ask a maintainer of the dataset to add you"
        )
    return found


def hand_over(annotator: int) -> str:
    """A pass that opens one session for the annotator, once, within a minute."""
    token = secrets.token_urlsafe(24)
    with _lock:
        for old in [key for key, (_, until) in _passes.items() if until < time.monotonic()]:
            del _passes[old]
        _passes[token] = annotator, time.monotonic() + PASS_SECONDS
    return token


def take_over(token: str) -> int | None:
    """The annotator whom the pass was made for; None for one that was used, has ended, or never was."""
    with _lock:
        annotator, until = _passes.pop(token, (None, 0.0))
    return annotator if until > time.monotonic() else None
