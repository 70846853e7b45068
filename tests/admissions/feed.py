"""HL7 v2 messages as a hospital's system writes them, for tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")


def stamp(moment: datetime) -> str:
    """The instant as HL7 writes it, in the hospital's own time, with its offset."""
    return moment.astimezone(ZONE).strftime("%Y%m%d%H%M%S%z")


def adt(
    trigger: str,
    *,
    at: datetime,
    visit: str = "V1",
    patient: str = "P1",
    place: str = "",
    said: datetime | None = None,
    admitted: datetime | None = None,
    discharged: datetime | None = None,
    back: datetime | None = None,
    patient_class: str = "I",
    control: str = "",
    more: tuple[str, ...] = (),
) -> str:
    """One ADT message about one visit; `place` is PV1-3, `said` EVN-2 (default: a minute after it happened)."""
    said = said or at + timedelta(minutes=1)
    pv1 = [""] * 46
    pv1[0], pv1[1], pv1[2], pv1[3], pv1[7], pv1[19] = "PV1", "1", patient_class, place, "D0417", visit
    pv1[44] = stamp(admitted) if admitted else ""
    pv1[45] = stamp(discharged) if discharged else ""
    lines = [
        header("ADT", trigger, said, control or f"{trigger}-{visit}-{stamp(said)}-{stamp(at)}"),
        f"EVN|{trigger}|{stamp(said)}|||C0007|{stamp(at)}",
        f"PID|1||{patient}^^^HIS^PI||||19500131|F",
        "|".join(pv1).rstrip("|"),
    ]
    if back is not None:
        lines.append("PV2" + "|" * 47 + stamp(back))
    return "\r".join([*lines, *more]) + "\r"


def header(kind: str, trigger: str, said: datetime, control: str, charset: str = "UNICODE UTF-8") -> str:
    """MSH."""
    structure = f"{kind}^{trigger}^{kind}_{trigger}"
    return f"MSH|^~\\&|HIS|HOSPITAL|WARDWATCH|X|{stamp(said)}||{structure}|{control}|P|2.5.1||||||{charset}"


def merge(surviving: str, prior: str, *, said: datetime, control: str = "") -> str:
    """A40: `prior` is the same person as `surviving`."""
    return (
        "\r".join(
            [
                header("ADT", "A40", said, control or f"A40-{prior}-{surviving}-{stamp(said)}"),
                f"EVN|A40|{stamp(said)}",
                f"PID|1||{surviving}^^^HIS^PI",
                f"MRG|{prior}^^^HIS^PI",
            ]
        )
        + "\r"
    )


def swap(first: tuple[str, str, str], second: tuple[str, str, str], *, at: datetime) -> str:
    """A17: (visit, patient, new place) of two patients."""
    lines = [header("ADT", "A17", at, f"A17-{first[0]}-{second[0]}-{stamp(at)}"), f"EVN|A17|{stamp(at)}||||{stamp(at)}"]
    for visit, patient, place in (first, second):
        lines += [f"PID|1||{patient}^^^HIS^PI", f"PV1|1|I|{place}" + "|" * 16 + visit]
    return "\r".join(lines) + "\r"
