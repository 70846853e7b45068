"""`wardwatch references`: references of staff, and whom to enrol again when the model pack has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from service.access import SYSTEM
from service.cli.console import AsJson, Grid, answer, installation, operator
from service.enrolment import PersonKind, PersonReport, due_for_enrolment, enrol_staff, opened_pack, revoke_person
from service.facilities import event_now, facility_by_code
from service.kit.clock import parse_instant
from service.kit.errors import InvalidInput

references_app = typer.Typer(
    no_args_is_help=True, help="References of staff; whom to enrol again · 工作人员底照与重新建档名单"
)

Facility = Annotated[str, typer.Option(help="Code of the facility.")]
_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@references_app.command("staff")
def staff(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="FOLDER/<staff number>/<photographs>.")],
    facility: Facility,
    consent_ref: Annotated[str, typer.Option(help="Where their consents to face matching are filed.")],
    consent_at: Annotated[str | None, typer.Option(help="When they consented, RFC 3339; now if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Enrol members of staff: a nurse at a bed is then known as a nurse. Refusals end with status 1."""
    people = _people(folder)
    reports: list[PersonReport] = []
    with installation() as context:
        actor = replace(SYSTEM, name=operator())
        for number, pictures in people.items():
            with context.database.transaction() as session:
                place = facility_by_code(session, facility)
                when = parse_instant(consent_at, field="consent_at") if consent_at else None
                reports.append(
                    enrol_staff(
                        context,
                        session,
                        place,
                        number,
                        [picture.read_bytes() for picture in pictures],
                        actor=actor,
                        consent_at=when or event_now(place, context.clock.now()),
                        consent_ref=consent_ref,
                    )
                )
    answer([_document(report) for report in reports], as_json, _lines(reports))
    if not all(report.accepted for report in reports):
        raise typer.Exit(1)


@references_app.command("revoke")
def revoke(
    staff_no: Annotated[str, typer.Argument(metavar="STAFF_NO", help="The facility's number of the person.")],
    facility: Facility,
    why: Annotated[str, typer.Option(help="Why: consent withdrawn, left, wrong picture.")],
    as_json: AsJson = False,
) -> None:
    """Wipe the templates of a member of staff."""
    with installation() as context, context.database.transaction() as session:
        place = facility_by_code(session, facility)
        actor = replace(SYSTEM, name=operator())
        wiped = revoke_person(
            session, place.id, PersonKind.STAFF, staff_no, why=why, actor=actor, now=context.clock.now()
        )
    answer({"staff_no": staff_no, "revoked": wiped}, as_json, [f"{staff_no}: {wiped} templates wiped"])


@references_app.command("due")
def due(facility: Facility, as_json: AsJson = False) -> None:
    """List everybody whose templates another model pack made: they are compared with nothing until enrolled again."""
    with installation() as context:
        pack_hash = opened_pack(context).pack_hash
        with context.database.reading() as session:
            found = due_for_enrolment(session, facility_by_code(session, facility).id, pack_hash)
    document = {
        "facility": facility,
        "pack_hash": pack_hash,
        "due": [
            {
                "kind": item.kind.value,
                "number": item.number,
                "enrolled_at": item.enrolled_at.isoformat(),
                "packs": list(item.packs),
                "in_hospital": item.in_hospital,
            }
            for item in found
        ],
    }
    rows = [
        (
            item.kind.value,
            item.number,
            "yes" if item.in_hospital else "no",
            f"{item.enrolled_at:%Y-%m-%d}",
            ", ".join(pack[:12] for pack in item.packs),
        )
        for item in found
    ]
    shown = Grid(("kind · 类别", "number · 编号", "in hospital · 在院", "enrolled · 建档", "pack · 模型包"), rows)
    answer(document, as_json, shown if rows else [f"nobody: every template is of pack {pack_hash[:12]}"])


def _people(folder: Path) -> dict[str, tuple[Path, ...]]:
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is not a folder", field="folder", remedy="name a folder of folders of pictures")
    people = {
        place.name: tuple(sorted(p for p in place.iterdir() if p.suffix.lower() in _PICTURES and not p.is_symlink()))
        for place in sorted(folder.iterdir())
        if place.is_dir() and not place.is_symlink()
    }
    people = {number: pictures for number, pictures in people.items() if pictures}
    if not people:
        raise InvalidInput(
            f"{folder} holds no <staff number>/<photograph>", field="folder", remedy="make one folder a person"
        )
    return people


def _document(report: PersonReport) -> dict[str, object]:
    return {
        "staff_no": report.person_no,
        "accepted": report.accepted,
        "photos": [
            {"status": p.status.value, "quality": p.quality, "reasons": [r.code for r in p.reasons]}
            for p in report.photos
        ],
        "reasons": [reason.code for reason in report.reasons],
        "look_alikes": [
            {"kind": a.kind, "number": a.patient_no, "similarity": a.similarity, "margin": a.margin}
            for a in report.look_alikes
        ],
    }


def _lines(reports: list[PersonReport]) -> list[str]:
    lines = []
    for report in reports:
        lines.append(f"{report.person_no}: {'accepted' if report.accepted else 'refused'}")
        lines += [f"  {reason.text_en} [{reason.code}]" for reason in report.reasons]
        lines += [
            f"  resembles {a.kind} {a.patient_no}, {a.similarity:.2f} ({a.margin:.2f} above the threshold)"
            for a in report.look_alikes
        ]
    return lines
