"""The rules: pure functions `(facts, parameters) -> Suspicion | None`, one file a rule."""

from service.screening.rules.ghost import GhostParameters, ghost_admission
from service.screening.rules.impersonation import ImpersonationParameters, impersonation
from service.screening.rules.phantom import PhantomParameters, phantom_admission

__all__ = [
    "GhostParameters",
    "ImpersonationParameters",
    "PhantomParameters",
    "ghost_admission",
    "impersonation",
    "phantom_admission",
]
