"""What the facts of every kind of subject have in common."""

from __future__ import annotations

from typing import Any, Protocol

from service.screening.subjects import Subject


class Remarkable(Protocol):
    """Counter-evidence, however it is kept."""

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        ...


class SubjectFacts(Protocol):
    """Facts of one subject. `period`: the local month they are of (`2026-03`), or empty for a whole stay."""

    @property
    def subject(self) -> Subject: ...

    @property
    def period(self) -> str: ...

    @property
    def counter_evidence(self) -> Remarkable: ...

    @property
    def policy_version(self) -> str: ...

    @property
    def pack_hashes(self) -> tuple[str, ...]: ...
