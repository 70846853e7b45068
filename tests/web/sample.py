"""Page values made by hand, one of everything that a page may have to show, for tests of the templates alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from service.sightings import BlindSpan
from service.web.charts.rate import RatePoint, draw_rate
from service.web.charts.strip import Span, draw_strip
from service.web.pages.cameras import ALARM_SIGNS, AlarmTag, CameraRow
from service.web.views import (
    BedCard,
    Board,
    CameraCurtain,
    CheckLine,
    Choice,
    DecisionLine,
    FacilitySummary,
    FactLine,
    FindingDetail,
    FindingLine,
    LookLine,
    NamedChart,
    OpenLook,
    PictureLine,
    RateRow,
    RateView,
    Report,
    Story,
    WardSummary,
)

ZONE = "Asia/Shanghai"
NOW = datetime(2026, 3, 8, 3, 20, tzinfo=UTC)
"""11:20 in Shanghai."""
TARGET = 0.94


CURTAINS = (
    CameraCurtain("c1" * 16, "cam-1", None, None),
    CameraCurtain("c2" * 16, "cam-2", "dd" * 16, NOW + timedelta(minutes=5)),
)


def rate(low: int, high: int, expected: int, coverage: float = 0.97) -> RateView:
    """A rate with plausible intervals."""
    if not expected:
        return RateView(None, None, 0.0, 1.0, 0.0, False, TARGET)
    bottom, top = low / expected, high / expected
    return RateView(bottom, top, max(0.0, bottom - 0.05), min(1.0, top + 0.03), coverage, coverage >= 0.9, TARGET)


def bed(index: int, spans: list[tuple[float, float, str, str | None]], **changes: object) -> BedCard:
    """A bed whose spans are given in hours before now."""
    drawn = draw_strip(
        [Span(NOW - timedelta(hours=a), NOW - timedelta(hours=b), state, cause) for a, b, state, cause in spans], NOW
    )
    state, since = (spans[-1][2], NOW - timedelta(hours=spans[-1][0])) if spans else ("none", None)
    values: dict[str, object] = {
        "bed_id": f"{index:032x}",
        "code": f"301-{index:02d}",
        "patient_no": f"P{10020 + index}",
        "admission_no": f"A{20020 + index}",
        "admission_id": f"{900 + index:032x}",
        "state": state,
        "since": since,
        "lasted": NOW - since if since else None,
        "last_seen_at": NOW - timedelta(minutes=4),
        "last_verified_at": NOW - timedelta(hours=1, minutes=10),
        "check_outcome": "present_verified",
        "check_at": NOW - timedelta(hours=3, minutes=20),
        "causes": (),
        "look": None,
        "strip": drawn,
        "pause_id": "aa" * 16 if index == 3 else None,
        "paused_until": NOW + timedelta(minutes=20) if index == 3 else None,
    }
    return BedCard(**{**values, **changes})  # type: ignore[arg-type]


def board(*, follows: bool = True) -> Board:
    """A ward with every state."""
    beds = (
        bed(1, [(24, 5, "patient", None), (5, 4.2, "empty", None), (4.2, 0, "patient", None)]),
        bed(
            2,
            [(24, 9, "patient", None), (9, 0, "empty", None)],
            check_outcome="bed_empty",
            look=OpenLook(NOW + timedelta(hours=2, minutes=40), "bed_empty", False),
        ),
        bed(
            3,
            [(24, 20, "unobserved", "covered"), (20, 6, "unidentified", None), (6, 0, "unobserved", "out_of_focus")],
            check_outcome="unobserved",
            causes=("out_of_focus", "covered"),
        ),
        bed(
            4,
            [(24, 14, "patient", None), (14, 0, "other_person", None)],
            check_outcome="impostor_suspected",
            look=OpenLook(NOW - timedelta(hours=1), "impostor_suspected", True),
        ),
        bed(
            5,
            [(24, 11, "patient", None), (11, 10, "empty", None), (10, 0, "unidentified", None)],
            check_outcome="present_unidentified",
        ),
        bed(
            6,
            [(24, 0, "empty", None)],
            check_outcome="on_leave",
            last_seen_at=NOW - timedelta(days=1, hours=3),
            last_verified_at=NOW - timedelta(days=1, hours=3),
        ),
        bed(7, [], patient_no=None, admission_no=None, admission_id=None, check_outcome=None, check_at=None),
        bed(8, [(24, 0, "empty", None)], patient_no=None, admission_no=None, admission_id=None, check_outcome=None),
        bed(
            9,
            [(24, 12, "unidentified", None), (12, 0, "empty", None)],
            check_outcome="not_seen",
            last_verified_at=None,
            look=OpenLook(NOW + timedelta(hours=5), "not_seen", False),
        ),
        bed(10, [(24, 3, "patient", None), (3, 0, "empty", None)], check_outcome="off_ward"),
        bed(11, [(24, 0, "unidentified", None)], check_outcome="no_reference", last_verified_at=None),
        bed(
            12,
            [(24, 0, "empty", None)],
            check_outcome="absent_confirmed",
            last_seen_at=None,
            last_verified_at=None,
        ),
    )
    counts: dict[str, int] = {}
    for card in beds:
        counts[card.state] = counts.get(card.state, 0) + 1
    return Board(
        "north",
        "North District Hospital",
        "ab" * 16,
        "Ward 3 East",
        ZONE,
        NOW,
        follows,
        beds,
        tuple(counts.items()),
        CURTAINS,
    )


def row(day: int, ward: str | None, low: int, high: int, expected: int, coverage: float = 0.97) -> RateRow:
    """A row of the report in which `low` were verified and the rest up to `high` not seen."""
    uncovered = round(expected / coverage) - expected if coverage else 16
    return RateRow(
        label=f"{day} Mar",
        sublabel="Mon",
        ward=ward,
        expected=expected,
        verified=max(0, low - 1),
        alternative=min(1, low),
        unidentified=0,
        not_seen=high - low,
        unanswered=0,
        bed_empty=expected - high,
        absent=0,
        impostor=0,
        on_leave=1,
        off_ward=1,
        in_grace=0,
        exempt=0,
        no_reference=0,
        unobserved=uncovered,
        rate=rate(low, high, expected, coverage),
    )


def report() -> Report:
    """A week of one ward, with a day that is not reportable and one without a rate."""
    rows = tuple(
        row(2 + index, None, low, high, expected, coverage)
        for index, (low, high, expected, coverage) in enumerate(
            [
                (28, 29, 30, 1.0),
                (29, 30, 30, 1.0),
                (26, 29, 30, 0.97),
                (14, 16, 18, 0.58),
                (0, 0, 0, 0.0),
                (27, 28, 30, 1.0),
                (28, 28, 29, 0.96),
            ]
        )
    )
    points = [
        RatePoint(
            r.label,
            r.sublabel,
            r.rate.low,
            r.rate.high,
            r.rate.interval_low,
            r.rate.interval_high,
            r.rate.coverage,
            r.rate.reportable,
        )
        for r in rows
    ]
    return Report(
        facility_name="North District Hospital",
        zone=ZONE,
        in_shadow=True,
        shadow_until=NOW + timedelta(days=9),
        first_day=date(2026, 3, 2),
        last_day=date(2026, 3, 8),
        by="day",
        ward_name=None,
        rows=rows,
        total=row(2, None, 152, 160, 167, 0.91),
        charts=(NamedChart(None, draw_rate(points, TARGET)),),
        facilities=(Choice("north", "North District Hospital", True),),
        wards=(Choice("ab" * 16, "Ward 3 East"), Choice("cd" * 16, "Ward 4 West")),
        groupings=(
            Choice("day", "every day", True),
            Choice("ward", "every ward"),
            Choice("day,ward", "every day and ward"),
        ),
        csv_url="/reports/in-bed-rate.csv?facility=north",
    )


def checks() -> tuple[CheckLine, ...]:
    """Two days of checks."""
    start = datetime(2026, 3, 6, 0, 0, tzinfo=UTC)
    return (
        CheckLine(start, "routine", "present_verified", "face"),
        CheckLine(start + timedelta(hours=8), "routine", "not_seen", None, ("Deadline 22:00",)),
        CheckLine(start + timedelta(hours=17), "night", "bed_empty"),
        CheckLine(start + timedelta(hours=24), "routine", "absent_confirmed"),
        CheckLine(start + timedelta(hours=32), "routine", "unobserved"),
        CheckLine(start + timedelta(hours=41), "night", "absent_confirmed"),
    )


def looks() -> tuple[LookLine, ...]:
    """Two looks of two people."""
    first = datetime(2026, 3, 7, 1, 0, tzinfo=UTC)
    return (
        LookLine(first, "ward_staff", "not_found", "bedside", False, False),
        LookLine(
            first + timedelta(hours=3), "inspector", "not_found", "ward_search", True, True, "Phone not answered."
        ),
    )


def finding(*, state: str = "raised", shadow: bool = True) -> FindingDetail:
    """A phantom admission with evidence on both sides."""
    return FindingDetail(
        finding_id="f" * 32,
        rule="phantom_admission",
        rule_name="Phantom admission",
        rule_version="1.0",
        kind="finding",
        subject_kind="admission",
        subject="A1004",
        period="",
        legal_basis="Regulations on the Supervision of Health Insurance Funds, article 15",
        exclusions=("leave signed up to 24 h late",),
        severity="high",
        state=state,
        corrected=False,
        decision="dismissed" if state == "dismissed" else "",
        decisions=(DecisionLine("dismissed", "The leave form is in the file.", "li.na", NOW),)
        if state == "dismissed"
        else (),
        may_decide=state != "withdrawn",
        seen=NOW.isoformat(),
        in_shadow=shadow,
        headline="Patient P10032 was confirmed absent at two checks on two days without leave",
        paragraphs=(
            "At 2 checks on 2 days, two people looked for the patient at least two hours apart, searched the ward and "
            "called. The patient was not found.",
            "No leave and no treatment elsewhere is recorded for these times.",
        ),
        counter_evidence=(
            "The camera did not see the bed at 1 of 6 checks.",
            "The patient was verified on 6 March at 08:00.",
        ),
        facts=(
            FactLine("Checks with a confirmed absence", "2", "≥ 2"),
            FactLine("Different days", "2", "≥ 2"),
            FactLine("Coverage", "91.7%", "≥ 80.0%"),
            FactLine("Nights with an empty bed", "1", "≥ 3"),
            FactLine("Leave on record", "none", ""),
        ),
        checks=checks(),
        looks=looks(),
        pictures=(
            PictureLine("a" * 32, NOW - timedelta(days=1), "empty"),
            PictureLine("b" * 32, NOW - timedelta(days=2), "patient"),
        ),
        may_open_pictures=True,
        patient_no="P10032",
        admission_no="A20032",
        admission_id="c" * 32,
        place="Ward 3 East · 301-12",
        facility_code="north",
        facility_name="North District Hospital",
        zone=ZONE,
        event_at=NOW - timedelta(days=1),
        raised_at=NOW - timedelta(days=1),
        withdrawn_at=NOW if state == "withdrawn" else None,
    )


def finding_lines() -> tuple[FindingLine, ...]:
    """A list of findings."""
    detail = finding()
    return tuple(
        FindingLine(
            f"{index:032x}",
            rule,
            rule.replace("_", " ").capitalize(),
            "finding",
            severity,
            state,
            False,
            "upheld" if state == "withdrawn" else "",
            True,
            headline,
            "admission",
            "A1004",
            "P10032",
            detail.place,
            detail.event_at,
            detail.facility_name,
            ZONE,
        )
        for index, (rule, severity, state, headline) in enumerate(
            [
                ("phantom_admission", "high", "raised", detail.headline),
                ("ghost_admission", "high", "raised", "Patient P10044 has never been seen since admission"),
                ("impersonation", "medium", "withdrawn", "The face in bed 301-04 is not the enrolled patient"),
            ]
        )
    )


def story() -> Story:
    """A stay."""
    return Story(
        "north",
        "North District Hospital",
        ZONE,
        "P10032",
        "A20032",
        "general",
        NOW - timedelta(days=6),
        None,
        "Ward 3 East · 301-12",
        "ab" * 16,
        checks(),
        looks(),
    )


def facility(*, findings: int | None = 3) -> FacilitySummary:
    """A facility with two wards."""
    return FacilitySummary(
        code="north",
        name="North District Hospital",
        zone=ZONE,
        in_shadow=True,
        shadow_until=NOW + timedelta(days=9),
        at=NOW,
        first_day=date(2026, 3, 2),
        last_day=date(2026, 3, 8),
        rate=rate(152, 160, 167),
        findings=findings,
        wards=(
            WardSummary("ab" * 16, "Ward 3 East", 12, 10, rate(152, 160, 167), 3, 1, 4, findings),
            WardSummary(
                "cd" * 16, "Ward 4 West", 8, 8, rate(80, 84, 100, 0.72), 0, 0, 0, 0 if findings is not None else None
            ),
            WardSummary(
                "ef" * 16, "Ward 5 Rehabilitation", 6, 0, rate(0, 0, 0), 0, 0, 0, 0 if findings is not None else None
            ),
        ),
    )


def cameras() -> dict[str, Any]:
    """A page of three cameras: with every alarm, without any, and one that was never heard."""
    tags = tuple(AlarmTag(code, sign) for code, sign in ALARM_SIGNS.items())
    hour = timedelta(hours=1)
    spans = (BlindSpan(NOW - hour, NOW, "silent"), BlindSpan(NOW - 3 * hour, NOW - 2 * hour, "covered"))
    return {
        "at": NOW,
        "zone": ZONE,
        "facility_name": "North",
        "facilities": (Choice("north", "North", True), Choice("south", "South", False)),
        "cameras": (
            CameraRow("c1", "Ward 1", tags, NOW - hour, NOW, -12.3, 4, 2, 81.0, 7, 2 * hour, spans, 3),
            CameraRow("c2", "Ward 1", (), NOW, NOW, 0.0, 0, 0, None, 120, timedelta(), (), 0),
            CameraRow("c3", "Ward 2", tags[:1], None, None, None, None, None, None, 0, 3 * hour, spans[:1], 0),
        ),
        "alarmed": 2,
        "replayed": False,
        "legend": tags,
    }
