"""What each condition takes away from real faces: photographs spoilt by rule, and photographs labelled by condition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from service.kit.statistics import Rate
from service.vision.analyse import analyse_frame
from service.vision.decode import Frame
from service.vision.enrolment import assess_portrait
from service.vision.evaluate.degrade import AS_TAKEN, Degradation, Photo, Spoilt
from service.vision.faces import FloatArray
from service.vision.pack import Pack
from service.vision.quality import BED_QUALITY
from service.vision.reading import BedReading, BedState, Gallery, ReadingPolicy, Zone

Progress = Callable[[int, int], None]
_BED = "bed"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A photograph that gave a template. `picture`: its path within the folder; `vector`: (d,) float32, unit length."""

    person: str
    picture: str
    photo: Photo
    vector: FloatArray


@dataclass(frozen=True, slots=True)
class ConditionRow:
    """One condition, every probe judged by the rule that judges beds, against the other photographs as templates.

    `origin`: "degraded", "photographed" (a label) or "subgroup". `probes`: photographs of people who have another one.
    `found`: probes with a face. `usable`: found faces of the quality from which a mismatch may be called. `missed`:
    found faces not matched with their person's other photographs at the threshold (FNMR). `accused`: probes in their
    own bed read as another person. `false_matches`: pairs with a photograph of another person that match (FMR);
    within a subgroup only pairs of its people. `taken`: probes in the bed of the person whom they resemble most, read
    as its patient. `pixels`: median width of the found faces.
    """

    name: str
    origin: str
    how: str
    found: Rate
    usable: Rate
    missed: Rate
    accused: Rate
    false_matches: Rate
    taken: Rate
    pixels: float | None

    def to_json(self) -> dict[str, object]:
        """JSON values; every rate with its counts and interval."""
        rates = {
            "found": self.found,
            "usable": self.usable,
            "fnmr": self.missed,
            "called_another_person": self.accused,
            "fmr": self.false_matches,
            "neighbour_taken": self.taken,
        }
        shown = {
            name: {"hits": r.hits, "trials": r.trials, "value": r.value, "low": r.low, "high": r.high}
            for name, r in rates.items()
        }
        head = {"condition": self.name, "origin": self.origin, "how": self.how, "probes": self.found.trials}
        return {**head, "face_pixels": self.pixels, **shown}


@dataclass(slots=True)
class _Tally:
    found: list[bool] = field(default_factory=list)
    usable: list[bool] = field(default_factory=list)
    missed: list[bool] = field(default_factory=list)
    accused: list[bool] = field(default_factory=list)
    matches: list[bool] = field(default_factory=list)
    taken: list[bool] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)

    def row(self, name: str, origin: str, how: str) -> ConditionRow:
        """The counts as rates."""

        def rate(hits: list[bool]) -> Rate:
            return Rate(sum(hits), len(hits))

        return ConditionRow(
            name=name,
            origin=origin,
            how=how,
            found=rate(self.found),
            usable=rate(self.usable),
            missed=rate(self.missed),
            accused=rate(self.accused),
            false_matches=rate(self.matches),
            taken=rate(self.taken),
            pixels=float(np.median(self.widths)) if self.widths else None,
        )


def measure_conditions(
    photos: Sequence[Enrolled],
    pack: Pack,
    threshold: float,
    degradations: Sequence[Degradation],
    progress: Progress | None = None,
) -> tuple[ConditionRow, ...]:
    """A row for each of `degradations`; those that need a mesh are left out with a pack that has none."""
    rows = []
    for done, wanted in enumerate(degradations, start=1):
        if pack.mesh is not None or not wanted.needs_mesh:
            tally = _measured(photos, photos, pack, threshold, wanted)
            rows.append(tally.row(wanted.name, "degraded", wanted.how))
        if progress:
            progress(done, len(degradations))
    return tuple(rows)


def measure_labelled(
    photos: Sequence[Enrolled],
    pack: Pack,
    threshold: float,
    conditions: Mapping[str, str],
    subgroups: Mapping[str, str],
) -> tuple[ConditionRow, ...]:
    """A row for each label of `conditions` and `subgroups` (picture -> label): the photographs as they were taken."""
    rows = []
    for label in sorted(set(conditions.values())):
        probes = [one for one in photos if conditions.get(one.picture) == label]
        tally = _measured(probes, photos, pack, threshold, AS_TAKEN)
        rows.append(tally.row(label, "photographed", "as labelled in conditions.csv"))
    for label in sorted(set(subgroups.values())):
        probes = [one for one in photos if subgroups.get(one.picture) == label]
        tally = _measured(probes, probes, pack, threshold, AS_TAKEN)
        rows.append(tally.row(label, "subgroup", "pairs within the subgroup"))
    return tuple(rows)


def _measured(
    probes: Sequence[Enrolled], others: Sequence[Enrolled], pack: Pack, threshold: float, how: Degradation
) -> _Tally:
    tally = _Tally()
    for probe, references in _with_references(probes, others):
        if how.needs_mesh and probe.photo.vertices is None:
            continue
        _probe(tally, probe, how.apply(probe.photo), references, pack, threshold)
    return tally


def _with_references(
    probes: Sequence[Enrolled], others: Sequence[Enrolled]
) -> Iterator[tuple[Enrolled, list[Enrolled]]]:
    """Each probe whose person has another photograph, with all photographs but itself."""
    for probe in probes:
        references = [one for one in others if one.picture != probe.picture]
        if any(one.person == probe.person for one in references):
            yield probe, references


def _probe(
    tally: _Tally, probe: Enrolled, shown: Spoilt, references: Sequence[Enrolled], pack: Pack, threshold: float
) -> None:
    policy = ReadingPolicy(same_person=threshold, other_person=min(ReadingPolicy().other_person, threshold))
    gallery = Gallery(tuple(one.person for one in references), np.stack([one.vector for one in references]))
    own = _read(shown, probe.person, gallery, pack, policy)
    found = own.face_quality is not None
    tally.found.append(found)
    tally.accused.append(own.state is BedState.OTHER_PERSON)
    if own.face_quality is not None:
        tally.usable.append(own.face_quality >= policy.judgeable_quality)
        tally.missed.append((own.expected_similarity or -1.0) < threshold)
        tally.widths += [own.face_box[2] - own.face_box[0]] if own.face_box is not None else []
    strangers = [one for one in references if one.person != probe.person]
    alone = assess_portrait(Frame(shown.pixels), pack, BED_QUALITY)
    if alone.embedding is None or not strangers:
        tally.taken += [False] if strangers else []
        return
    cosines = np.stack([one.vector for one in strangers]) @ alone.embedding
    tally.matches += (cosines >= threshold).tolist()
    nearest = strangers[int(cosines.argmax())].person
    tally.taken.append(_read(shown, nearest, gallery, pack, policy).state is BedState.PATIENT)


def _read(shown: Spoilt, patient: str, gallery: Gallery, pack: Pack, policy: ReadingPolicy) -> BedReading:
    """The reading of the photograph as a bed whose head is at the top and whose patient is `patient`."""
    x1, y1, x2, y2 = shown.bed
    zone = Zone(_BED, np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32))
    return analyse_frame(Frame(shown.pixels), (zone,), {_BED: patient}, gallery, pack, policy).readings[0]
