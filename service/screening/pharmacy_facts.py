"""What the rules may use of purchases: of a patient, of a buyer, of a pharmacy, over one local month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

from service.screening.place_facts import Remarks
from service.screening.subjects import Subject

NO_REMARKS = Remarks()


@dataclass(frozen=True, slots=True)
class PurchaseRecord:
    """One purchase, tried or made. `codes`: the reasons of its verdict. `here`: at the facility that is judged.

    `without_face`: by which word somebody showed documents instead, empty with a face. `verdict`: as it stands now.
    `in_hospital`: by what is known now, nothing excusing it. `right`: what an offline sale would have been answered.
    """

    purchase_id: str
    patient_no: str
    delegate_no: str | None
    service_at: datetime
    local_day: date
    local_time: time
    state: str
    codes: frozenset[str] = frozenset()
    by_documents: bool = False
    attack: str = ""
    offline: bool = False
    right: bool = True
    in_hospital: bool = False
    here: bool = True
    verdict: str = "approved"
    without_face: str = ""

    @property
    def passed(self) -> bool:
        """Whether the buyer was let pass: sold, or the leave to buy was given."""
        return self.sold or self.verdict in ("approved", "provisional")

    @property
    def sold(self) -> bool:
        """Whether something was handed out."""
        return self.state == "sold"


@dataclass(frozen=True, slots=True)
class PatientPurchases:
    """Purchases upon one patient's card. `dead_from`: services from then on are after the death; `noticed_at`: when the
    first source that counts said so; `conflicting`: another source denies it."""

    subject: Subject
    period: str
    purchases: tuple[PurchaseRecord, ...]
    dead_from: datetime | None = None
    noticed_at: datetime | None = None
    conflicting: bool = False
    counter_evidence: Remarks = NO_REMARKS
    policy_version: str = "1"
    pack_hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuyerPurchases:
    """What one buyer tried or made here in the month; `earlier`: in the 30 days before, and elsewhere in the register.

    `office`: a registered care home, village doctor or community worker.
    """

    subject: Subject
    period: str
    purchases: tuple[PurchaseRecord, ...]
    earlier: tuple[PurchaseRecord, ...] = ()
    office: bool = False
    counter_evidence: Remarks = NO_REMARKS
    policy_version: str = "1"
    pack_hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StockRecord:
    """A drug whose stock is not right. `missing`: opening + in - out - counted. `oversold`: sales above the stock.
    `unbooked`: verified sales that the feed does not have."""

    code: str
    missing: Decimal
    oversold: Decimal
    oversold_at: datetime | None
    evidence_ids: tuple[str, ...] = ()
    unbooked: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Share:
    """Of `trials` purchases, `hits`."""

    hits: int
    trials: int


@dataclass(frozen=True, slots=True)
class PharmacyMonth:
    """One pharmacy's month. `opening_hours`: weekday -> spans of local time; empty when nobody described them.

    `closed_peers`, `edge_peers`, `document_peers`: the same shares of the register's other pharmacies of its type.
    """

    subject: Subject
    period: str
    purchases: tuple[PurchaseRecord, ...]
    opening_hours: dict[int, tuple[tuple[str, str], ...]]
    closed_peers: tuple[Share, ...] = ()
    edge_peers: tuple[Share, ...] = ()
    document_peers: tuple[Share, ...] = ()
    stock: tuple[StockRecord, ...] = ()
    until: datetime | None = None
    counter_evidence: Remarks = NO_REMARKS
    policy_version: str = "1"
    pack_hashes: tuple[str, ...] = ()
