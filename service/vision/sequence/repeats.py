"""The same picture again: by its noise, or by what nobody does twice.

A live sensor never repeats its noise, so two prints with equal pixels are one picture. A recording that went through an
encoder again keeps its noise only in part (`encoded_loops`); what it cannot hide either is that several people stir
twice in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from service.vision.sequence.compare import look_vectors, noise_distances
from service.vision.sequence.encoded_loops import find_encoded_loops
from service.vision.sequence.policy import SequencePolicy, ViewCause
from service.vision.sequence.prints import TimedPrint

Floats = NDArray[np.float32]


def find_repeats(prints: Sequence[TimedPrint], policy: SequencePolicy) -> dict[int, tuple[ViewCause, int]]:
    """Of prints in event order: the index of each that is no new picture, why, and the index of the one it repeats."""
    earlier = _same_pictures(prints, policy)
    found: dict[int, tuple[ViewCause, int]] = {}
    for index, origin in _runs(earlier, policy.loop_prints).items():
        found[index] = (ViewCause.LOOPED, origin)
    for index, origin in _content_loops(prints, policy).items():
        found.setdefault(index, (ViewCause.LOOPED, origin))
    for index, origin in find_encoded_loops(prints, policy).items():
        found.setdefault(index, (ViewCause.LOOPED, origin))
    for index, origins in earlier.items():
        if index - 1 in origins:
            found[index] = (ViewCause.FROZEN, _first_of_still(index, earlier))
    return found


def _first_of_still(index: int, earlier: Mapping[int, Sequence[int]]) -> int:
    while index - 1 in earlier.get(index, ()):
        index -= 1
    return index


def _same_pictures(prints: Sequence[TimedPrint], policy: SequencePolicy) -> dict[int, list[int]]:
    """For each print the indices of earlier ones, within the policy's span, that are the same picture."""
    lively = [i for i, item in enumerate(prints) if item.print.noise_level >= policy.live_noise]
    by_hash: dict[bytes, list[int]] = {}
    same: dict[int, list[int]] = {}
    for i in lively:
        seen = by_hash.setdefault(prints[i].print.noise_hash, [])
        near = [j for j in seen if prints[i].at - prints[j].at <= policy.span]
        if near:
            same[i] = near
        seen.append(i)
    for i, more in _same_noise(prints, lively, policy).items():
        same[i] = sorted({*same.get(i, ()), *more})
    return same


def _same_noise(prints: Sequence[TimedPrint], lively: Sequence[int], policy: SequencePolicy) -> dict[int, list[int]]:
    """Pictures encoded again: nearer to an earlier one than the noise of either allows."""
    same: dict[int, list[int]] = {}
    if not lively:
        return same
    noise = np.stack([prints[i].print.noise for i in lively])
    levels = np.array([prints[i].print.noise_level for i in lively], np.float32)
    for place in range(1, len(lively)):
        i = lively[place]
        bound = policy.same_noise * np.minimum(levels[:place], levels[place])
        distances = noise_distances(noise[place], noise[:place])
        near = [lively[k] for k in np.flatnonzero(distances < bound).tolist()]
        near = [j for j in near if prints[i].at - prints[j].at <= policy.span]
        if near:
            same[i] = near
    return same


def _runs(earlier: Mapping[int, Sequence[int]], least: int) -> dict[int, int]:
    """Prints of runs in which each repeats the successor of what its predecessor repeats. A still picture, which
    repeats itself, is no run."""
    lengths: dict[tuple[int, int], int] = {}
    for i in sorted(earlier):
        for j in earlier[i]:
            if i - j > 1 and i - 1 not in earlier[i]:
                lengths[i, j] = lengths.get((i - 1, j - 1), 0) + 1
    found: dict[int, int] = {}
    for (i, j), length in sorted(lengths.items()):
        if length >= least:
            for back in range(length):
                found.setdefault(i - back, j - back)
    return found


def _content_loops(prints: Sequence[TimedPrint], policy: SequencePolicy) -> dict[int, int]:
    """Runs in which every bed looks as it did a constant number of pictures ago, though something in them moved."""
    changes = _changes(prints)
    if changes is None:
        return {}
    steps = np.concatenate([[0.0], np.diagonal(changes, -1)])
    found: dict[int, int] = {}
    for lag in range(2, len(prints) - policy.loop_content_prints + 1):
        same = np.concatenate([np.zeros(lag, bool), np.diagonal(changes, -lag) <= policy.loop_same])
        for start, end in _stretches(same):
            moves = int((steps[start + 1 : end] >= policy.loop_moves).sum())
            if end - start >= policy.loop_content_prints and moves >= policy.loop_content_moves:
                for i in range(start, end):
                    found.setdefault(i, i - lag)
    return found


def _changes(prints: Sequence[TimedPrint]) -> Floats | None:
    """(n, n): the greatest change of any bed between two prints, or `None` when they do not all show the same beds."""
    if not prints or not prints[0].print.zones:
        return None
    if any(item.print.layout != prints[0].print.layout for item in prints):
        return None
    greatest = np.zeros((len(prints), len(prints)), np.float32)
    for place in range(len(prints[0].print.zones)):
        looks = look_vectors([item.print.zones[place] for item in prints])
        np.maximum(greatest, 1.0 - looks @ looks.T, out=greatest)
    return greatest


def _stretches(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open stretches of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
