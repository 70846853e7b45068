"""Whether several photographs show one person, and which of them do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.enrolment.photos import AssessedPhoto
from service.enrolment.reasons import reason


def reject_outliers(photos: Sequence[AssessedPhoto], same_person: float) -> tuple[AssessedPhoto, ...] | None:
    """The photographs without those that show somebody else; `None` when no majority shows one person.

    The rule: of the good photographs the one that most others match (cosine of `same_person`) stands in the middle;
    those that match it stay, if they are more than half of all. The others lose their template and get a reason. Two
    photographs match or are refused together: nobody can say which is wrong.
    """
    places = [k for k, photo in enumerate(photos) if photo.vector is not None]
    vectors = [photo.vector for photo in photos if photo.vector is not None]
    kept = one_person(vectors, same_person)
    if kept is None:
        return None
    outliers = {places[k] for k in range(len(places)) if k not in kept}
    return tuple(_outlier(photo) if k in outliers else photo for k, photo in enumerate(photos))


def one_person(vectors: Sequence[NDArray[np.float32]], same_person: float) -> frozenset[int] | None:
    """Indices of the unit `vectors` ((d,) each) that are one person by that rule; `None` without a majority."""
    if not vectors:
        return frozenset()
    stacked = np.stack(list(vectors))
    similarities = stacked @ stacked.T
    matches = similarities >= same_person
    np.fill_diagonal(matches, val=True)
    middle = max(range(len(vectors)), key=lambda k: (int(matches[k].sum()), float(similarities[k].sum()), -k))
    kept = frozenset(int(k) for k in np.flatnonzero(matches[middle]))
    return kept if 2 * len(kept) > len(vectors) else None


def _outlier(photo: AssessedPhoto) -> AssessedPhoto:
    return replace(photo, vector=None, signature=None, reasons=(reason("unlike_the_others"),))
