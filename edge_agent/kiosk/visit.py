"""One customer at the kiosk, and the order in which heads are turned."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_agent.errors import WrongTurn
from edge_agent.kiosk.forms import PurchaseForm, VerdictOut
from service.contracts import PurchaseChallenge
from service.vision.liveness import HeadPose, Turn

_ASTRAY = 2
"""Frames in a row that must show another turn: one may be a head on its way."""


@dataclass(slots=True)
class Visit:
    """What is known of the customer now standing there; forgotten as a whole. `pauses`: seconds from each turn to the
    next arrow; `cue_at`: when that arrow may come, `shown_at`: when it came, by the monotonic clock; `answered`: the
    form that was verified and its answer, so that asking twice is buying once."""

    session: str
    challenge: PurchaseChallenge | None = None
    turns: tuple[Turn, ...] = ()
    pauses: tuple[float, ...] = ()
    until: float = 0.0
    cue_at: float = 0.0
    shown_at: float | None = None
    answered: tuple[PurchaseForm, VerdictOut] | None = None
    ahead: HeadPose | None = None
    images: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    astray: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether every turn was taken."""
        return bool(self.turns) and len(self.images) == len(self.turns)

    def take(self, data: bytes, now: float) -> None:
        """Keep a frame that shows the turn that is due, and wait before the next arrow."""
        self.images.append(data)
        self.times.append(now)
        self.shown_at = None
        if not self.is_whole:
            self.cue_at = now + self.pauses[len(self.images)]


def keep_to_the_order(visit: Visit, seen: Turn | None, *, shown: bool) -> None:
    """A film of another challenge shows the turns that are due sooner or later, and others in between: waiting for the
    right ones would let it pass. Whoever turns the wrong way, or the right way before the arrow is `shown`, draws a new
    challenge."""
    due = visit.turns[len(visit.images)]
    made = visit.turns[len(visit.images) - 1] if visit.images else Turn.CENTRE
    if not visit.images or seen in (None, Turn.CENTRE, made) or (shown and seen is due):
        visit.astray = 0
        return
    visit.astray += 1
    if visit.astray >= _ASTRAY:
        visit.turns = ()
        raise WrongTurn("that was another turn", field="turns", remedy="follow the arrows of a new challenge")
