"""What a password is made to cost, as the product ships: the other tests hash quickly (tests/conftest.py)."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from fastapi.testclient import TestClient
from sqlmodel import select

from service.access import passwords
from service.access.tables import UserAccount
from service.platform.context import Context
from tests.builders import PASSWORD

_RFC_9106_LOW_MEMORY = {"time_cost": 3, "memory_cost": 64 * 1024, "parallelism": 4}


@pytest.fixture(autouse=True)
def _as_shipped(shipped_hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", shipped_hasher)


def test_a_guess_costs_what_rfc_9106_asks_of_a_machine_with_little_memory() -> None:
    made = passwords.hash_password(PASSWORD)
    found = extract_parameters(made)
    assert found.type is Type.ID
    assert {name: getattr(found, name) for name in _RFC_9106_LOW_MEMORY} == _RFC_9106_LOW_MEMORY
    assert (found.hash_len, found.salt_len) == (32, 16)
    assert passwords.password_matches(PASSWORD, made)
    assert not passwords.password_matches(PASSWORD + ".", made)
    assert not passwords.needs_rehash(made)


def test_a_weaker_hash_is_made_anew_at_the_next_login(client: TestClient, context: Context) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    with context.database.transaction() as session:
        session.add(UserAccount(username="wang.fang", password_hash=weak, created_at=context.clock.now()))
    login = {"username": "wang.fang", "password": PASSWORD}
    refused = client.post("/api/v1/sessions", json=login | {"password": PASSWORD + "."})
    assert refused.status_code == 401
    assert _hash_of(context) == weak
    assert client.post("/api/v1/sessions", json=login).status_code in (200, 201)
    assert extract_parameters(_hash_of(context)).memory_cost == _RFC_9106_LOW_MEMORY["memory_cost"]
    assert passwords.password_matches(PASSWORD, _hash_of(context))


def _hash_of(context: Context) -> str:
    with context.database.reading() as session:
        return session.exec(select(UserAccount)).one().password_hash
