"""The facility's beds as messages name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlmodel import Session

from service.facilities import Facility, beds_of_facility, wards_of_facility


@dataclass(frozen=True, slots=True)
class Places:
    """Beds by the hospital's code, and by ward and bed. `zone` is the facility's own time."""

    zone: ZoneInfo
    by_code: dict[str, str]
    by_ward: dict[tuple[str, str], str]
    ward_of: dict[str, str]
    wards: frozenset[str]

    @classmethod
    def load(cls, session: Session, facility: Facility) -> Places:
        """The places of `facility`."""
        wards = {ward.id: ward.code for ward in wards_of_facility(session, facility.id)}
        beds = beds_of_facility(session, facility.id)
        return cls(
            zone=ZoneInfo(facility.timezone),
            by_code={bed.hospital_code: bed.id for bed in beds},
            by_ward={(wards[bed.ward_id], bed.code): bed.id for bed in beds},
            ward_of={bed.id: wards[bed.ward_id] for bed in beds},
            wards=frozenset(wards.values()),
        )

    def bed(self, parts: Sequence[str]) -> str | None:
        """The bed that (ward, room, bed) name: by our codes, or by the hospital's, alone or joined with `-`.

        A bed of another ward than the one named is none.
        """
        ward, room, bed = [*parts, "", "", ""][:3]
        found = self.by_ward.get((ward, bed)) if bed else None
        spellings = ["-".join(filter(None, (ward, room, bed))), "-".join(filter(None, (ward, bed)))]
        for code in (*spellings, bed, f"{ward}/{bed}", f"{room}-{bed}"):
            found = found or (self.by_code.get(code) if bed or code == ward else None)
        if found is None and not bed and not room:
            return self.by_code.get(ward)
        if found is not None and ward in self.wards and self.ward_of[found] != ward:
            return None
        return found
