"""A month in a made-up hospital, as truth: who is admitted where, who really lies there, and who cheats how.

Nothing here knows the rules. It says what a picture of a bed would show at an instant, what people find who look, and
what the books say; `play.py` writes that into the tables.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Way(StrEnum):
    """How a stay, a bed, a ward, a camera or a person behaves. All but the first group are frauds or faults."""

    HONEST = "honest"
    RESTLESS = "honest, face turned away"
    WITH_LEAVE = "honest, on leave by day"
    IN_TREATMENT = "honest, often off the ward"
    DAY_PATIENT = "honest, day patient"
    VISITED = "honest, a visitor asleep in the bed"
    REFUSED = "honest, consent refused"
    UNENROLLED = "honest, not enrolled"
    UNANSWERED = "honest, nobody answers"
    LATE_PAPER = "honest, leave signed 20 hours late"
    READMITTED_EMERGENCY = "honest, back as an emergency"
    PHANTOM = "phantom"
    GHOST = "ghost"
    IMPOSTOR = "impostor"
    EMPTY_BED = "empty bed from the start"
    CHARGED = "gone, and charged per diem"
    CORRECTED = "gone, then leave written afterwards"
    SWAPPED = "swapped bed"
    LATE_BACK = "late back from leave"
    OUT_AT_NIGHT = "on leave overnight"
    SPLIT = "split admission"
    TWO_STAYS = "two stays at once"
    NEW_FACE = "template changed in mid-stay"
    SHAM_DISCHARGE = "sham discharge"
    SQUATTER = "nobody's bed occupied"
    STAFF = "staff in the bed"
    DOUBLED = "two admissions on one bed"
    BLINDED = "bed blinded at checks"
    WRONG_CLOCK = "camera's clock is wrong"
    BACKFILLED = "camera fills in late"
    GENEROUS_WARD = "ward that excuses everybody"
    EXEMPT_WARD = "ward full of exemptions"
    SWORN_FOR = "gone, and a nurse swears otherwise"
    SWEARING_NURSE = "nurse who finds everybody"
    CROWDED = "more inpatients than beds"


HONEST = frozenset(way for way in Way if way.value.startswith("honest"))

EXPECTED: dict[Way, tuple[str, ...]] = {
    Way.PHANTOM: ("phantom_admission",),
    Way.GHOST: ("ghost_admission",),
    Way.IMPOSTOR: ("impersonation",),
    Way.EMPTY_BED: ("empty_bed_admission",),
    Way.CHARGED: ("phantom_admission", "stay_after_absence", "per_diem_gap"),
    Way.CORRECTED: ("phantom_admission", "corrected_after_notice"),
    Way.SWAPPED: ("bed_swap_unrecorded",),
    Way.LATE_BACK: ("late_return",),
    Way.OUT_AT_NIGHT: ("overnight_leave",),
    Way.SPLIT: ("split_admission",),
    Way.TWO_STAYS: ("two_places_at_once",),
    Way.NEW_FACE: ("enrolment_swap",),
    Way.SHAM_DISCHARGE: ("unregistered_person",),
    Way.SQUATTER: ("unregistered_person",),
    Way.STAFF: ("staff_in_bed",),
    Way.DOUBLED: ("two_on_one_bed",),
    Way.BLINDED: ("selective_blindness",),
    Way.WRONG_CLOCK: ("camera_tampering",),
    Way.BACKFILLED: ("late_backfill",),
    Way.GENEROUS_WARD: ("excuse_inflation",),
    Way.EXEMPT_WARD: ("exemption_rate",),
    Way.SWEARING_NURSE: ("alternative_inflation",),
    Way.CROWDED: ("overcapacity",),
}
"""What each way should be found out by."""

FRAUDS = (
    Way.PHANTOM,
    Way.GHOST,
    Way.IMPOSTOR,
    Way.EMPTY_BED,
    Way.CHARGED,
    Way.CORRECTED,
    Way.LATE_BACK,
    Way.OUT_AT_NIGHT,
    Way.SPLIT,
    Way.NEW_FACE,
)
_ORDINARY = (
    (Way.HONEST, 60),
    (Way.RESTLESS, 12),
    (Way.WITH_LEAVE, 6),
    (Way.IN_TREATMENT, 6),
    (Way.DAY_PATIENT, 3),
    (Way.VISITED, 3),
    (Way.REFUSED, 2),
    (Way.UNENROLLED, 2),
    (Way.UNANSWERED, 2),
    (Way.LATE_PAPER, 2),
    (Way.READMITTED_EMERGENCY, 1),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of the month. `each`: how many stays of each fraudulent way."""

    beds: int = 200
    days: int = 30
    each: int = 4
    seed: int = 1
    start: datetime = datetime(2026, 6, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
    ward_beds: int = 20

    @property
    def end(self) -> datetime:
        """The instant at which the month ends."""
        return self.start + timedelta(days=self.days)


@dataclass(slots=True)
class TrueStay:
    """One stay as it really is. `bed`: its number; `gone_from`: from when the patient is not there (None: never)."""

    number: str
    person: str
    bed: int
    way: Way
    admitted: datetime
    discharged: datetime | None
    gone_from: datetime | None = None
    leaves: list[tuple[datetime, datetime, datetime, datetime | None]] = field(default_factory=list)
    """(start, due back, signed, back)"""
    activities: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    category: str = "general"
    partner: int | None = None
    """The bed where the patient really lies, when it is another one."""
    expects: tuple[str, ...] = ()
    per_diem: bool = False
    emergency: bool = False

    def there(self, when: datetime) -> bool:
        """Whether the patient is in the bed's place at `when`, as far as the books would have it."""
        if self.gone_from is not None and when >= self.gone_from:
            return False
        away = [(start, back or due) for start, due, _, back in self.leaves]
        away += [(start, end) for _, start, end in self.activities]
        return not any(start <= when < end for start, end in away)

    def holds(self, bed: int, when: datetime) -> bool:
        """Whether the stay has the bed at `when` by the books."""
        return self.admitted <= when < (self.discharged or _FAR) and self.bed == bed


_FAR = datetime(2100, 1, 1, tzinfo=ZoneInfo("UTC"))


@dataclass(slots=True)
class World:
    """The month: its stays, and what is special about beds, cameras and wards (by number)."""

    plan: Plan
    stays: list[TrueStay]
    beds: dict[int, Way] = field(default_factory=dict)
    cameras: dict[int, Way] = field(default_factory=dict)
    wards: dict[int, Way] = field(default_factory=dict)
    sitters: dict[int, tuple[datetime, datetime, str]] = field(default_factory=dict)
    """Bed -> somebody who lies there without an admission: from, to, who (a person, `stranger` or `staff`)."""

    def ward_of(self, bed: int) -> int:
        """The ward of a bed."""
        return bed // self.plan.ward_beds

    def camera_of(self, bed: int) -> int:
        """Four beds share a camera."""
        return bed // 4

    def patient_days(self) -> float:
        """Days of honest stays."""
        honest = [stay for stay in self.stays if stay.way in HONEST]
        spans = [(min(stay.discharged or self.plan.end, self.plan.end) - stay.admitted) for stay in honest]
        return sum(span / timedelta(days=1) for span in spans)


def make_world(plan: Plan) -> World:
    """The month of `plan`: the same seed gives the same month."""
    rng = random.Random(plan.seed)  # noqa: S311 (a story, no secret)
    world = World(plan, [])
    special = _special_beds(world)
    frauds = [way for way in FRAUDS for _ in range(plan.each)]
    free = [bed for bed in range(plan.beds) if bed not in special]
    rng.shuffle(free)
    for way in frauds:
        world.stays += list(_fraud(free.pop(), way, world, rng))
    for bed in sorted(free):
        world.stays += list(_turnover(bed, world, rng))
    world.stays.sort(key=lambda stay: (stay.admitted, stay.number))
    return world


def _special_beds(world: World) -> set[int]:
    """The last ward is kept for what is about beds; two wards and three cameras have their ways."""
    plan = world.plan
    last = plan.beds - plan.ward_beds
    world.wards = {0: Way.GENEROUS_WARD, 1: Way.EXEMPT_WARD, 2: Way.SWEARING_NURSE}
    used: set[int] = set()
    start = plan.start
    for k in range(4):
        bed = last + k
        used.add(bed)
        name, out = f"sham-{k}", start + timedelta(days=6 + k, hours=10)
        sham = TrueStay(f"H{k}", name, bed, Way.SHAM_DISCHARGE, start + timedelta(hours=8), out)
        sham.expects = EXPECTED[Way.SHAM_DISCHARGE]
        world.stays.append(sham)
        world.sitters[bed] = (out, out + timedelta(days=4), name)
    for k in range(2):
        world.sitters[last + 4 + k] = (start + timedelta(days=5), start + timedelta(days=9), "stranger")
        world.beds[last + 4 + k] = Way.SQUATTER
        day = start + timedelta(days=9 + k)
        world.sitters[last + 6 + k] = (day + timedelta(hours=8, minutes=30), day + timedelta(hours=10), "staff")
        world.beds[last + 6 + k] = Way.STAFF
        used |= {last + 4 + k, last + 6 + k}
    for k in range(2):
        bed = last + 8 + 2 * k
        used |= {bed, bed + 1}
        for own, other in ((bed, bed + 1), (bed + 1, bed)):
            stay = TrueStay(
                f"W{own}", f"swap-{own}", own, Way.SWAPPED, start + timedelta(hours=8), start + timedelta(days=7)
            )
            stay.partner, stay.expects = other, EXPECTED[Way.SWAPPED]
            world.stays.append(stay)
    for k in range(2):
        bed = last + 12 + k
        used.add(bed)
        for half in range(2):
            since = start + timedelta(days=3, hours=8 + half)
            world.stays.append(
                TrueStay(f"D{k}{half}", f"double-{k}{half}", bed, Way.DOUBLED, since, since + timedelta(days=3))
            )
        world.beds[bed] = Way.DOUBLED
    for k in range(2):
        here, there = last + 14 + 2 * k, last + 15 + 2 * k
        used |= {here, there}
        for bed, number, days in ((here, f"T{k}a", 0), (there, f"T{k}b", 2)):
            since = start + timedelta(days=4 + days, hours=8)
            stay = TrueStay(number, f"twice-{k}", bed, Way.TWO_STAYS, since, since + timedelta(days=5))
            stay.expects = EXPECTED[Way.TWO_STAYS] if number.endswith("b") else ()
            stay.gone_from = since + timedelta(days=2) if number.endswith("a") else None
            world.stays.append(stay)
    world.beds[last - 1] = Way.BLINDED
    sworn = 2 * plan.ward_beds
    used.add(sworn)
    stay = TrueStay("S0", "sworn", sworn, Way.SWORN_FOR, start + timedelta(hours=8), start + timedelta(days=10))
    stay.gone_from = start + timedelta(days=2)
    world.stays.append(stay)
    world.cameras = {world.camera_of(last - 8): Way.WRONG_CLOCK, world.camera_of(last - 12): Way.BACKFILLED}
    return used


def _turnover(bed: int, world: World, rng: random.Random) -> Iterator[TrueStay]:
    """Honest stays, one after the other, with an empty night now and then."""
    plan, when, k = world.plan, world.plan.start + timedelta(hours=rng.randrange(7, 18)), 0
    before: TrueStay | None = None
    while when < plan.end - timedelta(days=1):
        until = when + timedelta(days=rng.randrange(3, 12), hours=rng.randrange(1, 8))
        way = rng.choices([way for way, _ in _ORDINARY], [weight for _, weight in _ORDINARY])[0]
        if world.wards.get(world.ward_of(bed)) is Way.EXEMPT_WARD and rng.random() < 0.4:
            way = Way.REFUSED
        stay = TrueStay(f"N{bed:03}-{k}", f"p{bed:03}-{k}", bed, way, when, until if until < plan.end else None)
        if before is not None and before.way is Way.READMITTED_EMERGENCY:
            stay.person, stay.emergency, stay.category = before.person, True, "emergency"
            stay.way = Way.HONEST
        before = stay
        stay.per_diem = rng.random() < 0.1
        _dress(stay, world, rng)
        yield stay
        if stay.discharged is None:
            return
        when = stay.discharged + timedelta(hours=rng.randrange(4, 20))
        k += 1


def _dress(stay: TrueStay, world: World, rng: random.Random) -> None:
    """Gives an honest stay its leaves and activities."""
    end = stay.discharged or world.plan.end
    day = stay.admitted.replace(hour=0, minute=0) + timedelta(days=1)
    if stay.way is Way.DAY_PATIENT:
        stay.category = "day_only"
    generous = world.wards.get(world.ward_of(stay.bed)) is Way.GENEROUS_WARD
    while day + timedelta(hours=18) < end:
        at_nine = day + timedelta(hours=8, minutes=20)
        if stay.way is Way.WITH_LEAVE and rng.random() < 0.4:
            back = day + timedelta(hours=17, minutes=rng.randrange(50))
            stay.leaves.append((day + timedelta(hours=10), day + timedelta(hours=18), day + timedelta(hours=9), back))
        elif generous and rng.random() < 0.8:
            stay.activities.append(("other", at_nine, day + timedelta(hours=9, minutes=50)))
            afternoon = day + timedelta(hours=15, minutes=20)
            stay.activities.append(("other", afternoon, afternoon + timedelta(minutes=90)))
        elif stay.way is Way.IN_TREATMENT and rng.random() < 0.5:
            stay.activities.append((rng.choice(["imaging", "therapy", "theatre"]), at_nine, day + timedelta(hours=11)))
        elif stay.way is Way.LATE_PAPER and not stay.leaves:
            start = day + timedelta(hours=8, minutes=30)
            stay.leaves.append(
                (start, start + timedelta(hours=8), start + timedelta(hours=20), start + timedelta(hours=8))
            )
        day += timedelta(days=1)


def _fraud(bed: int, way: Way, world: World, rng: random.Random) -> Iterator[TrueStay]:
    start = world.plan.start + timedelta(days=rng.randrange(1, 4), hours=rng.randrange(7, 12))
    end = start + timedelta(days=10)
    name = f"{way.name.lower()}-{bed:03}"
    stay = TrueStay(f"F{bed:03}", name, bed, way, start, end)
    stay.expects = EXPECTED[way] if way is not Way.SPLIT else ()
    stay.per_diem = way is Way.CHARGED
    day = stay.admitted.replace(hour=0) + timedelta(days=2)
    if way in (Way.PHANTOM, Way.CHARGED, Way.CORRECTED):
        stay.gone_from = day + timedelta(hours=20)
    elif way in (Way.GHOST, Way.EMPTY_BED):
        stay.gone_from = stay.admitted
    elif way is Way.LATE_BACK:
        stay.leaves.append((day + timedelta(hours=10), day + timedelta(hours=14), day, day + timedelta(hours=19)))
    elif way is Way.OUT_AT_NIGHT:
        stay.leaves.append((day + timedelta(hours=18), day + timedelta(hours=31), day, day + timedelta(hours=31)))
    yield stay
    if way is Way.SPLIT:
        again = end + timedelta(days=3)
        if again + timedelta(days=1) > world.plan.end:
            return
        second = TrueStay(f"F{bed:03}b", name, bed, way, again, min(again + timedelta(days=8), world.plan.end))
        second.expects = EXPECTED[way]
        yield second
