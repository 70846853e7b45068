"""The story of pharmacies: who buys for whom, what each shows to the camera, what must be said and found."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.contracts.messages import Instant
from service.kit.errors import InvalidInput

_MOST_BYTES = 1024 * 1024


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PharmacyPlace(_Part):
    """A pharmacy."""

    code: str
    name: str


class Buyer(_Part):
    """A delegate with a head, enrolled by a picture of it."""

    number: str
    face: str
    kind: str = "other"
    registration: str = ""
    patients: tuple[str, ...]


class Death(_Part):
    """A notice of death."""

    patient: str
    died_on: date
    noticed_at: Instant


class Visit(_Part):
    """One visit to a kiosk, or one for each of the delegate's patients, a few minutes apart."""

    id: str
    day: int = Field(ge=0, le=30)
    hour: float = Field(ge=0, le=24)
    at: str
    delegate: str
    patient: str = ""
    each_patient: bool = False
    shows: Literal["genuine", "stranger", "print"]
    verdict: Literal["approved", "refused", "manual_review", "not_approved"]
    reason: str = ""
    not_reason: str = ""
    attack_seen: bool = False
    """A pharmacist decides the review that is opened, having seen the photograph."""


class Expected(_Part):
    """A finding that must be raised; no other may be."""

    rule: str
    subject: str
    at: str


class PharmacyStory(_Part):
    """The whole story, with its truth."""

    kind: Literal["pharmacies"]
    register_code: str = Field(alias="register")
    start: Instant
    pharmacies: tuple[PharmacyPlace, ...]
    delegates: tuple[Buyer, ...]
    deaths: tuple[Death, ...] = ()
    visits: tuple[Visit, ...]
    findings: tuple[Expected, ...]

    def moment(self, visit: Visit, number: int = 0) -> datetime:
        """When the visit is; `number` counts the patients of one visit."""
        return self.start + timedelta(days=visit.day, hours=visit.hour, minutes=5 * number)

    def buyer(self, number: str) -> Buyer:
        """The delegate with this number. Raises `InvalidInput`."""
        for found in self.delegates:
            if found.number == number:
                return found
        raise InvalidInput(f"no delegate {number[:64]!r}", field="visits.delegate", remedy="list it in delegates")


def is_pharmacy_story(path: Path) -> bool:
    """Whether the file tells of pharmacies."""
    try:
        with path.open(encoding="utf-8") as file:
            return any(line.strip() == "kind: pharmacies" for line in file.read(4096).splitlines())
    except (OSError, UnicodeDecodeError):
        return False


def read_story(path: Path) -> PharmacyStory:
    """The story in the file. Raises `InvalidInput`."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("larger than 1 MiB")
        return PharmacyStory.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(first["msg"], field=where, remedy="see fixtures/scenarios/pharmacies.yaml") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InvalidInput(f"{path}: {error}", field="scenario", remedy="name a readable scenario file") from None
