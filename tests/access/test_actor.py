"""What each role and scope may do, and where."""

from __future__ import annotations

import pytest

from service.access import NOBODY, SYSTEM, Actor, Forbidden, Grant, Permission, Role
from service.kit.errors import NotFound

HERE, THERE = "a" * 32, "b" * 32


def person(*grants: Grant) -> Actor:
    return Actor(kind="user", id="1", name="li.na", grants=grants)


def token(*scopes: Permission) -> Actor:
    return Actor(kind="token", id="2", name="box-7", scopes=frozenset(scopes), facility_id=HERE)


READS = {"facility:read", "occupancy:read", "directed:read", "findings:read", "purchases:read"}


@pytest.mark.parametrize(
    ("role", "permissions"),
    [
        (Role.VIEWER, READS),
        (
            Role.WARD_STAFF,
            READS
            | {"directed:answer", "enrolments:write", "frames:read"}
            | {"registers:write", "purchases:sell", "purchases:review"},
        ),
        (
            Role.INSPECTOR,
            READS | {"frames:read", "directed:answer", "rollcalls:start", "purchases:review", "findings:decide"},
        ),
        # What devices prove, no person may claim: neither a picture nor a buyer at the counter.
        (Role.ADMIN, {permission.value for permission in Permission} - {"snapshots:post", "purchases:verify"}),
    ],
)
def test_a_role_may_exactly_this(role: Role, permissions: set[str]) -> None:
    actor = person(Grant(role, HERE))
    assert {permission.value for permission in Permission if actor.may(permission, HERE)} == permissions
    assert not any(actor.may(permission, THERE) for permission in Permission)


def test_another_facility_does_not_exist_and_a_right_that_is_missing_is_forbidden() -> None:
    actor = person(Grant(Role.VIEWER, HERE))
    with pytest.raises(NotFound):
        actor.require(Permission.FINDINGS_READ, THERE)
    with pytest.raises(Forbidden):
        actor.require(Permission.FACILITY_WRITE, HERE)
    actor.require(Permission.FINDINGS_READ, HERE)


def test_roles_add_up_and_do_not_leak_from_one_facility_to_another() -> None:
    actor = person(Grant(Role.VIEWER, HERE), Grant(Role.ADMIN, THERE))
    assert actor.facilities(Permission.FINDINGS_READ) == {HERE, THERE}
    assert actor.facilities(Permission.FACILITY_WRITE) == {THERE}
    with pytest.raises(Forbidden):
        actor.require(Permission.FACILITY_WRITE, HERE)


def test_a_role_everywhere_reaches_every_facility_and_works_at_none() -> None:
    actor = person(Grant(Role.ADMIN, None))
    assert actor.facilities(Permission.FACILITY_WRITE) is None
    assert actor.knows(THERE)
    assert not actor.works_at(THERE)


def test_a_role_everywhere_does_not_widen_another_role() -> None:
    actor = person(Grant(Role.VIEWER, None), Grant(Role.ADMIN, HERE))
    assert actor.facilities(Permission.FINDINGS_READ) is None
    assert actor.facilities(Permission.FACILITY_WRITE) == {HERE}


def test_a_token_may_what_its_scopes_say_at_its_facility() -> None:
    actor = token(Permission.SNAPSHOTS_POST)
    assert actor.facilities(Permission.SNAPSHOTS_POST) == {HERE}
    assert actor.facilities(Permission.FINDINGS_READ) == frozenset()
    with pytest.raises(Forbidden):
        actor.require(Permission.FINDINGS_READ, HERE)
    with pytest.raises(NotFound):
        actor.require(Permission.SNAPSHOTS_POST, THERE)


def test_nobody_may_nothing_and_the_system_everything() -> None:
    assert not any(NOBODY.may(permission) for permission in Permission)
    assert not NOBODY.knows(HERE)
    assert all(SYSTEM.may(permission, HERE) for permission in Permission)


def test_labels_name_the_actor_for_the_ledger() -> None:
    assert [actor.label for actor in (person(), token(), NOBODY, SYSTEM)] == [
        "user:li.na",
        "token:box-7",
        "nobody",
        "system",
    ]


def test_the_anti_forgery_token_is_not_in_the_representation() -> None:
    assert "hidden" not in repr(Actor(kind="user", csrf_token="hidden"))
