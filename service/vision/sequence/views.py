"""Whether a camera's view can be believed, picture by picture, judged over time and in event order."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

import numpy as np

from service.vision.sequence.compare import Floats, Shift, agreement, find_shift, mean_structure
from service.vision.sequence.policy import DEFAULT_SEQUENCE_POLICY, SequencePolicy, ViewCause
from service.vision.sequence.prints import TimedPrint, ViewPrint, in_event_order
from service.vision.sequence.repeats import find_repeats


@dataclass(frozen=True, slots=True)
class ViewVerdict:
    """What is to be believed of one picture.

    `since`: when the run of pictures with this cause began. `repeats`: key of the picture that a frozen or looped one
    shows again. `agreement`: share of the view that is the camera's known one; `shift`: cells to the right and down, of
    a moved one. Both `None` before a camera has a reference.
    """

    key: str
    at: datetime
    cause: ViewCause | None = None
    since: datetime | None = None
    repeats: str | None = None
    agreement: float | None = None
    shift: tuple[float, float] | None = None

    @property
    def observed(self) -> bool:
        """Whether beds may be read in the picture. Unobserved is never empty."""
        return self.cause is None


def judge_views(
    prints: Sequence[TimedPrint], policy: SequencePolicy = DEFAULT_SEQUENCE_POLICY
) -> tuple[ViewVerdict, ...]:
    """One verdict a picture, in event order; a pure function of the set of prints, whatever their order.

    A change of zones (`layout`) starts a new reference: whoever draws zones has seen the view.
    """
    verdicts: list[ViewVerdict] = []
    for stretch in _by_layout(in_event_order(list(prints))):
        verdicts += _judge(stretch, policy)
    return tuple(_since(verdicts))


def light_cause(shown: ViewPrint, policy: SequencePolicy = DEFAULT_SEQUENCE_POLICY) -> ViewCause | None:
    """What a single frame shows to be wrong, by the thresholds of single frames."""
    if shown.light.p99 < policy.light.black_below:
        return ViewCause.BLACK
    if shown.light.p10 > policy.light.white_above:
        return ViewCause.OVER_EXPOSED
    if shown.light.spread < policy.light.flat_below:
        return ViewCause.COVERED
    return ViewCause.OUT_OF_FOCUS if shown.sharpness < policy.light.sharpness_below else None


def _by_layout(prints: Sequence[TimedPrint]) -> list[list[TimedPrint]]:
    stretches: list[list[TimedPrint]] = []
    for item in prints:
        if not stretches or stretches[-1][-1].print.layout != item.print.layout:
            stretches.append([])
        stretches[-1].append(item)
    return stretches


def _judge(prints: Sequence[TimedPrint], policy: SequencePolicy) -> list[ViewVerdict]:
    verdicts = [ViewVerdict(item.key, item.at, light_cause(item.print, policy)) for item in prints]
    for index, (cause, origin) in find_repeats(prints, policy).items():
        if verdicts[index].observed:
            verdicts[index] = replace(verdicts[index], cause=cause, repeats=prints[origin].key)
    reference = _found(prints, verdicts, policy)
    if reference is None:
        return verdicts
    usual = _usual(prints, verdicts)
    unrelated: list[int] = []
    for index, item in enumerate(prints):
        if not verdicts[index].observed:
            continue
        verdict = _against(verdicts[index], item.print, reference, usual.get(item.print.light.infrared), policy)
        verdicts[index] = verdict
        if verdict.observed and (verdict.agreement or 0.0) >= policy.view_agrees:
            reference.follow(item.print)
        elif verdict.cause is ViewCause.SWAPPED_CAMERA:
            unrelated.append(index)
    for index in _passers_by(unrelated, prints, verdicts, policy):
        verdicts[index] = replace(verdicts[index], cause=ViewCause.COVERED)
    return verdicts


class _Reference:
    """The camera's known view: the founding one, which a slow drift cannot carry away, and one that follows."""

    def __init__(self, founding: Floats, edges: float, policy: SequencePolicy) -> None:
        self.founding = founding
        self.edges = edges
        self._policy = policy
        self._recent: deque[np.ndarray] = deque(maxlen=policy.recent)
        self._following: Floats | None = None

    def follow(self, shown: ViewPrint) -> None:
        """Takes in a good print."""
        self._recent.append(shown.structure)
        if len(self._recent) >= self._policy.least_anchors:
            self._following = mean_structure(list(self._recent))

    @property
    def both(self) -> list[Floats]:
        """The founding view, and the following one when there is one."""
        return [self.founding] if self._following is None else [self.founding, self._following]

    def agreement(self, shown: ViewPrint) -> float:
        """With whichever of the two fits better."""
        return max(agreement(shown.structure, one, self._policy.block_agrees) for one in self.both)


def _found(prints: Sequence[TimedPrint], verdicts: Sequence[ViewVerdict], policy: SequencePolicy) -> _Reference | None:
    """The reference: of the first good prints those that a majority agrees with."""
    good = [item.print for item, verdict in zip(prints, verdicts, strict=True) if verdict.observed][: policy.anchors]
    if len(good) < policy.least_anchors:
        return None
    pictures = [one.structure.astype(np.float32) for one in good]
    alike = [[_matches(a, b, policy) for b in pictures] for a in pictures]
    middle = max(range(len(good)), key=lambda i: (sum(alike[i]), -i))
    group = [i for i in range(len(good)) if alike[middle][i]]
    if 2 * len(group) <= len(good):
        return None
    edges = float(np.median([_edges(good[i]) for i in group]))
    return _Reference(mean_structure([good[i].structure for i in group]), edges, policy)


def _matches(a: Floats, b: Floats, policy: SequencePolicy) -> bool:
    alike = agreement(a, b, policy.block_agrees)
    if alike < policy.view_agrees or alike >= policy.view_certain:
        return alike >= policy.view_certain
    return find_shift(a, b, policy.block_agrees, widely=False).length < policy.moved_cells


@dataclass(frozen=True, slots=True)
class _Usual:
    """A camera's usual `edges` over spread and `sharpness` in one kind of light."""

    edges: float
    sharpness: float


def _usual(prints: Sequence[TimedPrint], verdicts: Sequence[ViewVerdict]) -> dict[bool, _Usual]:
    """By whether the light is infrared, where there is enough to tell: medians."""
    usual = {}
    for infrared in (False, True):
        shown = [
            item.print
            for item, verdict in zip(prints, verdicts, strict=True)
            if verdict.observed and item.print.light.infrared is infrared
        ]
        if len(shown) >= 4:
            edges = float(np.median([_edges(one) for one in shown]))
            usual[infrared] = _Usual(edges, float(np.median([one.sharpness for one in shown])))
    return usual


def _edges(shown: ViewPrint) -> float:
    return shown.texture / (shown.light.spread + 1.0)


def _against(
    verdict: ViewVerdict, shown: ViewPrint, reference: _Reference, usual: _Usual | None, policy: SequencePolicy
) -> ViewVerdict:
    known = reference.agreement(shown)
    verdict = replace(verdict, agreement=round(known, 4))
    if known < policy.view_unrelated and _edges(shown) < policy.covered_texture * reference.edges:
        return replace(verdict, cause=ViewCause.COVERED)
    if usual is not None and _is_blurred(shown, usual, policy):
        # A blurred room still agrees with itself; what does not is something else, too near to be in focus.
        hidden = known < policy.view_unrelated
        return replace(verdict, cause=ViewCause.COVERED if hidden else ViewCause.OUT_OF_FOCUS)
    shift = _shift(shown, reference, known, policy)
    if shift is not None:
        return replace(verdict, cause=ViewCause.MOVED, shift=(round(shift.right, 2), round(shift.down, 2)))
    return verdict if known >= policy.view_unrelated else replace(verdict, cause=ViewCause.SWAPPED_CAMERA)


def _is_blurred(shown: ViewPrint, usual: _Usual, policy: SequencePolicy) -> bool:
    edges = _edges(shown) / (usual.edges + 1e-6)
    unsharp = shown.sharpness < policy.unsharp * usual.sharpness
    return edges < policy.blurred_surely or (edges < policy.blurred and unsharp)


def _shift(shown: ViewPrint, reference: _Reference, known: float, policy: SequencePolicy) -> Shift | None:
    """The move that explains the view better than obstruction does, or `None`."""
    if known >= policy.view_certain:
        return None
    for widely in (False, True) if known < policy.view_agrees else (False,):
        found = [find_shift(shown.structure, one, policy.block_agrees, widely=widely) for one in reference.both]
        explaining = [one for one in found if _explains(one, known, policy)]
        if explaining:
            best = max(explaining, key=lambda one: one.fit)
            return best if best.length >= policy.moved_cells else None
    return None


def _explains(shift: Shift, known: float, policy: SequencePolicy) -> bool:
    enough = shift.agreement >= max(policy.moved_agrees * shift.overlap, known + policy.moved_gain)
    return enough and shift.fit >= policy.moved_fit and shift.overlap >= policy.moved_overlap


def _passers_by(
    unrelated: Sequence[int], prints: Sequence[TimedPrint], verdicts: Sequence[ViewVerdict], policy: SequencePolicy
) -> list[int]:
    """Of the unrelated views those that do not last: a back before the lens, a trolley. Another camera's view agrees
    with its neighbour's."""
    lasting: set[int] = set()
    for a, b in pairwise(unrelated):
        between = range(a + 1, b)
        mean = prints[b].print.structure.astype(np.float32)
        together = all(not verdicts[i].observed for i in between)
        if together and agreement(prints[a].print.structure, mean, policy.block_agrees) >= policy.self_agrees:
            lasting |= {a, b}
    return [index for index in unrelated if index not in lasting]


def _since(verdicts: Sequence[ViewVerdict]) -> list[ViewVerdict]:
    """Each verdict with the beginning of its run."""
    dated: list[ViewVerdict] = []
    for verdict in verdicts:
        if verdict.cause is None:
            dated.append(verdict)
            continue
        before = dated[-1] if dated else None
        goes_on = before is not None and before.cause is verdict.cause
        dated.append(replace(verdict, since=before.since if before is not None and goes_on else verdict.at))
    return dated
