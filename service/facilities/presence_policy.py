"""The numbers of presence: when checks are due, what counts as observed, how long things hold. Data with a version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import time, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.kit.errors import InvalidInput

CATEGORIES_LOOKED_FOR_ON_WARD = frozenset({"psychiatric", "dialysis", "rehabilitation", "maternity"})
"""These patients walk about: they are looked for on the ward, and an empty bed says nothing of them (domain, 2)."""


class CheckKind(StrEnum):
    """Why a check is due."""

    ROUTINE = "routine"
    NIGHT = "night"
    RANDOM = "random"
    SURPRISE = "surprise"
    ADMISSION = "admission"


@dataclass(frozen=True, slots=True)
class CheckTime:
    """A check every day at `at`, the facility's local time."""

    kind: CheckKind
    at: time


@dataclass(frozen=True, slots=True)
class PresencePolicy:
    """How presence is judged at a facility. Defaults are the domain's; every field may be set for a facility.

    A check's window begins when it is due. `max_gap`: two readings further apart leave the time between unobserved.
    `debounce`: a state shown by fewer successive readings, between two that agree, is noise. `leave_signing`: a leave
    signed up to so long after it began still excuses. `open_activity_limit`: a recorded activity that nobody closed
    excuses no longer.

    Of roll calls: `freeze`: cameras answer so long after the frozen instant; `respond`: people. `random_*`: the hours
    and the number a week of random calls. `admission_deadline`: so long after the grace the bed check of an admission
    is to be answered. `hand_check_blind`: a bed that no camera saw at a check is checked by hand. `reverify_share` of
    hand-held finds is looked at again by a second person, and so is each find beyond `reverify_streak` in a row by one
    person. `handheld_code`: how long a hand-held code is good. `target`: of the in-bed rate; None: the facility's.

    `paused_night`, `paused_day`: privacy pauses excuse so much of a bed's night, and of the day before the next one;
    what they hide beyond that counts as blind. Care takes a curtain for minutes, many times a day; a third of the day
    is far beyond that.

    `self_pay_known`: whether patients who pay for themselves are in the hospital's messages too. Where they are not,
    somebody in a bed that nobody is admitted to may be one of them, and is no suspicion.
    """

    version: str = "1"
    checks: tuple[CheckTime, ...] = (
        CheckTime(CheckKind.ROUTINE, time(9, 0)),
        CheckTime(CheckKind.ROUTINE, time(16, 0)),
        CheckTime(CheckKind.NIGHT, time(2, 0)),
    )
    window: timedelta = timedelta(minutes=30)
    grace: timedelta = timedelta(hours=4)
    emergency_grace: timedelta = timedelta(hours=12)
    max_gap: timedelta = timedelta(minutes=40)
    continuity: timedelta = timedelta(hours=12)
    debounce: int = 2
    night_start: time = time(23, 0)
    night_end: time = time(5, 0)
    day_only_from: time = time(7, 0)
    day_only_until: time = time(19, 0)
    directed_deadline: timedelta = timedelta(hours=6)
    second_look_after: timedelta = timedelta(hours=2)
    leave_signing: timedelta = timedelta(hours=24)
    open_activity_limit: timedelta = timedelta(hours=12)
    impostor_frames: int = 2
    freeze: timedelta = timedelta(minutes=5)
    respond: timedelta = timedelta(minutes=30)
    random_from: time = time(19, 0)
    random_until: time = time(7, 0)
    random_per_week_min: int = 1
    random_per_week_max: int = 2
    admission_deadline: timedelta = timedelta(hours=2)
    hand_check_blind: bool = True
    reverify_share: float = 0.05
    reverify_streak: int = 2
    handheld_code: timedelta = timedelta(minutes=3)
    target: float | None = None
    self_pay_known: bool = True
    paused_night: timedelta = timedelta(hours=2)
    paused_day: timedelta = timedelta(hours=6)

    def grace_of(self, category: str) -> timedelta:
        """How long after admission nobody is expected in the bed yet."""
        return self.emergency_grace if category == "emergency" else self.grace

    @property
    def lookback(self) -> timedelta:
        """How far before a window a reading may still matter to it: an identity may hold that long."""
        return self.continuity + self.max_gap


DEFAULT_POLICY = PresencePolicy()


class _Check(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["routine", "night", "random"] = "routine"
    at: time


class _Overrides(BaseModel):
    """What a facility may set. Minutes and hours as plain numbers: people write these by hand."""

    model_config = ConfigDict(extra="forbid")
    checks: list[_Check] | None = Field(default=None, min_length=1, max_length=48)
    window_minutes: float | None = Field(default=None, ge=5, le=180)
    grace_hours: float | None = Field(default=None, ge=0, le=72)
    emergency_grace_hours: float | None = Field(default=None, ge=0, le=72)
    max_gap_minutes: float | None = Field(default=None, ge=1, le=180)
    continuity_hours: float | None = Field(default=None, ge=0, le=24)
    debounce: int | None = Field(default=None, ge=1, le=10)
    night_start: time | None = None
    night_end: time | None = None
    day_only_from: time | None = None
    day_only_until: time | None = None
    directed_deadline_hours: float | None = Field(default=None, ge=1, le=72)
    second_look_after_hours: float | None = Field(default=None, ge=0.5, le=24)
    leave_signing_hours: float | None = Field(default=None, ge=0, le=168)
    open_activity_limit_hours: float | None = Field(default=None, ge=1, le=72)
    impostor_frames: int | None = Field(default=None, ge=2, le=20)
    freeze_minutes: float | None = Field(default=None, ge=1, le=15)
    respond_minutes: float | None = Field(default=None, ge=16, le=120)
    random_from: time | None = None
    random_until: time | None = None
    random_per_week_min: int | None = Field(default=None, ge=0, le=7)
    random_per_week_max: int | None = Field(default=None, ge=0, le=7)
    admission_deadline_hours: float | None = Field(default=None, ge=0.5, le=48)
    hand_check_blind: bool | None = None
    reverify_share: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    reverify_streak: int | None = Field(default=None, ge=1, le=20)
    handheld_code_minutes: float | None = Field(default=None, ge=1, le=15)
    target: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    self_pay_known: bool | None = None
    paused_night_minutes: float | None = Field(default=None, ge=0, le=720)
    paused_day_minutes: float | None = Field(default=None, ge=0, le=1440)


def policy_of(overrides: Mapping[str, Any], *, base_version: str = DEFAULT_POLICY.version) -> PresencePolicy:
    """The policy of a facility that sets `overrides`. Raises `InvalidInput` naming the key at fault.

    The version of a changed policy carries a hash of the changes, so that a derived row says exactly what made it.
    """
    if not overrides:
        return DEFAULT_POLICY
    try:
        wanted = _Overrides.model_validate(dict(overrides))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part)[:64] for part in first["loc"])
        raise InvalidInput(
            f"the presence policy is not valid: {str(first['msg'])[:200]}",
            field=f"policy.{place}",
            remedy="docs/rules.md lists the keys with their ranges",
        ) from None
    changes = _changes(wanted)
    policy = replace(DEFAULT_POLICY, **changes)
    if policy.second_look_after >= policy.directed_deadline:
        raise InvalidInput(
            "a second look would be due after the deadline",
            field="policy.second_look_after_hours",
            remedy="make it shorter than directed_deadline_hours",
        )
    if policy.random_per_week_min > policy.random_per_week_max:
        raise InvalidInput(
            "fewer random calls at most than at least",
            field="policy.random_per_week_max",
            remedy="make it no smaller than random_per_week_min",
        )
    return replace(policy, version=f"{base_version}+{_digest(changes)}") if changes else policy


def _changes(wanted: _Overrides) -> dict[str, Any]:
    known = {item.name for item in fields(PresencePolicy)}
    changes: dict[str, Any] = {}
    for key, value in wanted.model_dump(exclude_none=True).items():
        name, _, unit = key.rpartition("_")
        if key == "checks":
            checks = {CheckTime(CheckKind(item["kind"]), _plain(item["at"])) for item in value}
            changes["checks"] = tuple(sorted(checks, key=lambda check: (check.at, check.kind)))
        elif key in known:
            changes[key] = _plain(value) if isinstance(value, time) else value
        else:
            changes[name] = timedelta(**{unit: value})
    return changes


def _plain(at: time) -> time:
    """Local time has no zone of its own: the facility's holds."""
    if at.tzinfo is not None:
        raise InvalidInput(
            "a check's time is local", field="policy.checks.at", remedy="write it without an offset, for example 09:00"
        )
    return at.replace(microsecond=0)


def _digest(changes: Mapping[str, Any]) -> str:
    text = json.dumps({key: str(value) for key, value in sorted(changes.items())}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
