"""Is this buyer allowed to buy for that patient? Registers, challenges, verdicts, sales, the manual queue, stock."""

from service.pharmacy.decision import TABLE, Circumstances, Decision, Stay, decide
from service.pharmacy.gather import stay_at
from service.pharmacy.policy import PurchasePolicy, policy_of
from service.pharmacy.registers import (
    Entry,
    NewDelegate,
    NewDelegation,
    add_delegate,
    add_delegation,
    decide_delegation,
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
from service.pharmacy.sites import describe_site, members, purchase_policy, register_of, site_of
from service.pharmacy.statistics import PurchaseStatistics, statistics_of
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
    "TABLE",
    "Balance",
    "Circumstances",
    "Decision",
    "Delegate",
    "DelegateKind",
    "Delegation",
    "DelegationOut",
    "Entry",
    "Movement",
    "NewDelegate",
    "NewDelegation",
    "PharmacySite",
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
    "is_office",
    "lapse_job",
    "lines_of",
    "members",
    "movements_of",
    "patients_called",
    "pharmacy_entry",
    "policy_of",
    "public_keys",
    "purchase_policy",
    "purchases_between",
    "purchases_readable",
    "queue",
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
]
