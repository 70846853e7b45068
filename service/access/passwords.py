"""Passwords: Argon2id, with the parameters that argon2-cffi follows from RFC 9106 (low-memory profile)."""

from __future__ import annotations

import threading
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from service.kit.errors import InvalidInput

MIN_LENGTH = 10
MAX_LENGTH = 200

_hasher = PasswordHasher()
# Each check takes 64 MiB: a burst of logins must not take the memory that analysis needs.
_at_once = threading.BoundedSemaphore(2)


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    """Of a password nobody has: checked when a name does not exist, so that the answer takes as long."""
    return _hasher.hash("the password of nobody")


def hash_password(password: str) -> str:
    """The Argon2id hash of `password`. Raises `InvalidInput` for one that is too short or too long."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise InvalidInput(
            f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters",
            field="password",
            remedy="choose several words",
            message_zh=f"密码长度应为 {MIN_LENGTH} 至 {MAX_LENGTH} 个字符",
            remedy_zh="建议使用多个词语",
        )
    with _at_once:
        return _hasher.hash(password)


def password_matches(password: str, password_hash: str | None) -> bool:
    """Whether `password` is the one hashed. Takes as long without a hash, and is then false."""
    try:
        with _at_once:
            _hasher.verify(password_hash or _nobodys_hash(), password[: MAX_LENGTH + 1])
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)
