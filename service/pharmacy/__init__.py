"""Is this buyer allowed to buy for that patient? Registers, challenges, verdicts, sales, the manual queue, stock."""

from service.pharmacy.approval import KEEP, Limits, Proposal, decide_delegation, proposal_of
from service.pharmacy.bulk_faces import enrol_delegates
from service.pharmacy.decision import TABLE, Circumstances, Decision, Stay, decide
from service.pharmacy.disclosure import may_see_reasons, record_reasons_read
from service.pharmacy.feeds import FeedReport
from service.pharmacy.gather import stay_at
from service.pharmacy.identity import UNPACED
from service.pharmacy.imports import import_delegations, import_stock, import_vital_status
from service.pharmacy.policies import purchase_policy
from service.pharmacy.policy import PurchasePolicy, policy_of
from service.pharmacy.registers import (
    Entry,
    NewDelegate,
    NewDelegation,
    add_delegate,
    add_delegation,
    delegates_called,
    delegation_by_id,
    is_office,
    patients_called,
    pharmacy_entry,
    revoke_delegation,
)
from service.pharmacy.repository import (
    delegates_readable,
    delegations_readable,
    purchases_between,
    purchases_readable,
    row_readable,
    standing_now,
)
from service.pharmacy.rescreen import rescreen_job
from service.pharmacy.reserve import lines_of
from service.pharmacy.reviews import decide_review, lapse_job, queue, review_for
from service.pharmacy.schemas_registers import DelegateKind, DelegationOut
from service.pharmacy.signing import PurchaseToken, public_keys, sign_token, verify_token
from service.pharmacy.sites import describe_site, members, register_of, site_of
from service.pharmacy.statistics import PurchaseStatistics, statistics_of, without_face
from service.pharmacy.stock import Balance, Movement, Sold, balances, movements_of, sales_of
from service.pharmacy.tables import (
    Delegate,
    Delegation,
    PharmacySite,
    Purchase,
    PurchaseLine,
    PurchaseReview,
    StockMovement,
)
from service.pharmacy.verify import verify_purchase

__all__ = [
    "KEEP",
    "TABLE",
    "UNPACED",
    "Balance",
    "Circumstances",
    "Decision",
    "Delegate",
    "DelegateKind",
    "Delegation",
    "DelegationOut",
    "Entry",
    "FeedReport",
    "Limits",
    "Movement",
    "NewDelegate",
    "NewDelegation",
    "PharmacySite",
    "Proposal",
    "Purchase",
    "PurchaseLine",
    "PurchasePolicy",
    "PurchaseReview",
    "PurchaseStatistics",
    "PurchaseToken",
    "Sold",
    "Stay",
    "StockMovement",
    "add_delegate",
    "add_delegation",
    "balances",
    "decide",
    "decide_delegation",
    "decide_review",
    "delegates_called",
    "delegates_readable",
    "delegation_by_id",
    "delegations_readable",
    "describe_site",
    "enrol_delegates",
    "import_delegations",
    "import_stock",
    "import_vital_status",
    "is_office",
    "lapse_job",
    "lines_of",
    "may_see_reasons",
    "members",
    "movements_of",
    "patients_called",
    "pharmacy_entry",
    "policy_of",
    "proposal_of",
    "public_keys",
    "purchase_policy",
    "purchases_between",
    "purchases_readable",
    "queue",
    "record_reasons_read",
    "register_of",
    "rescreen_job",
    "review_for",
    "revoke_delegation",
    "row_readable",
    "sales_of",
    "sign_token",
    "site_of",
    "standing_now",
    "statistics_of",
    "stay_at",
    "verify_purchase",
    "verify_token",
    "without_face",
]
