"""Rules as versioned data and pure functions; findings that explain themselves. This room opens no image and changes
no fact."""

from service.screening.catalogue import LIVE_RULES, RULES, Rule, rule, rule_version, suspicions
from service.screening.compare import Comparison, compare
from service.screening.decisions import Verdict, decide, decisions_of
from service.screening.explain import Explanation, FactLine, explain, subject_label
from service.screening.facts import AdmissionFacts, Fact, Suspicion
from service.screening.repository import finding_readable_by, readable_by
from service.screening.run import Screened, places_job, run, run_job, run_places, run_stays
from service.screening.run_purchases import purchases_job, run_purchases
from service.screening.standing_findings import patients_with_findings
from service.screening.story import StayStory, tell
from service.screening.subjects import FindingKind, Subject, SubjectKind
from service.screening.tables import Finding, FindingDecision

__all__ = [
    "LIVE_RULES",
    "RULES",
    "AdmissionFacts",
    "Comparison",
    "Explanation",
    "Fact",
    "FactLine",
    "Finding",
    "FindingDecision",
    "FindingKind",
    "Rule",
    "Screened",
    "StayStory",
    "Subject",
    "SubjectKind",
    "Suspicion",
    "Verdict",
    "compare",
    "decide",
    "decisions_of",
    "explain",
    "finding_readable_by",
    "patients_with_findings",
    "places_job",
    "purchases_job",
    "readable_by",
    "rule",
    "rule_version",
    "run",
    "run_job",
    "run_places",
    "run_purchases",
    "run_stays",
    "subject_label",
    "suspicions",
    "tell",
]
