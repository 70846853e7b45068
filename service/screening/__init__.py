"""Rules as versioned data and pure functions; findings that explain themselves. This room opens no image and changes
no fact."""

from service.screening.catalogue import RULES, Rule, rule, suspicions
from service.screening.explain import Explanation, FactLine, explain
from service.screening.facts import AdmissionFacts, Fact, Suspicion
from service.screening.repository import finding_readable_by, readable_by
from service.screening.run import Screened, run, run_job
from service.screening.tables import Finding

__all__ = [
    "RULES",
    "AdmissionFacts",
    "Explanation",
    "Fact",
    "FactLine",
    "Finding",
    "Rule",
    "Screened",
    "Suspicion",
    "explain",
    "finding_readable_by",
    "readable_by",
    "rule",
    "run",
    "run_job",
    "suspicions",
]
