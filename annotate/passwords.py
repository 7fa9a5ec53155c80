"""Passwords: kept as argon2 hashes, and compared with as much work whether the name exists or not."""

from __future__ import annotations

import unicodedata
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from gatherset.dataset.errors import InputError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LEAST, MOST = 10, 200  # characters
# Each takes 64 MiB and a twentieth of a second: a flood of attempts must not take the machine from the annotators.
_TURN = BoundedSemaphore(2)


def checked_password(password: str, name: str) -> str:
    """`password` as it is hashed. Raises InputError for one that would be guessed, or is no text."""
    password = unicodedata.normalize("NFC", password)
    if not LEAST <= len(password) <= MOST:
        raise InputError(f"a password has {LEAST} to {MOST} characters", "A sentence that only you know is a good one")
    if password.casefold() in (name.casefold(), "password" * 2) or len(set(password)) < 4:
        raise InputError("this password would be guessed", "A sentence that only you know is a good one")
    return password


def hashed(password: str) -> str:
    with _TURN:
        return _hasher().hash(_same(password))


def fits(password: str, stored: str | None) -> bool:
    """Whether `password` is the one whose hash is `stored`. None (nobody's) takes as long, and never fits."""
    from argon2.exceptions import InvalidHashError, VerificationError

    with _TURN:
        try:
            return _hasher().verify(stored or _nobodys(), _same(password)) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def outgrown(stored: str) -> bool:
    """Whether `stored` was made with other parameters than are asked for today: it is to be hashed again."""
    return _hasher().check_needs_rehash(stored)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # here: only those who sign in need it

    return PasswordHasher()  # argon2id with 64 MiB, RFC 9106's second choice


@cache
def _nobodys() -> str:
    return _hasher().hash("nobody's")


def _same(password: str) -> bytes:
    """One password, however the keyboard composes its letters (RFC 8265)."""
    return unicodedata.normalize("NFC", password[: 4 * MOST]).encode("utf-8", "backslashreplace")
