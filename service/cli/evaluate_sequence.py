"""`wardwatch evaluate sequence`: what time adds, measured on simulated wards."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from service.cli.console import AsJson, Grid, answer
from service.cli.scenarios import scenario_file
from service.cli.sequence_figures import chance_rows, rate_json, shown
from service.cli.sequence_plays import (
    Stage,
    Take,
    black,
    blurred,
    brighter,
    changed,
    cloth,
    curtain,
    frozen,
    honest,
    looped,
    moved,
    over_exposed,
    quiet,
    swapped,
)
from service.kit.errors import InvalidInput, WardwatchError
from service.kit.statistics import Rate
from service.platform.settings import get_settings
from service.vision import Gallery, Pack, ReadingPolicy, Zone, analyse_frame, decode, load_pack
from service.vision.evaluate import ClusteredRate, Reliability, clustered_rate, reliability
from service.vision.packs import fetch_test_pictures
from service.vision.sequence import (
    BedSight,
    BedVerdict,
    Occupancy,
    TimedPrint,
    ViewCause,
    judge_beds,
    judge_views,
    make_print,
)

_FACES = ("f00", "f01", "f02", "f03", "f04", "f05", "f35")
_ROOMS = ("row", "aisle")
Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class LieResult:
    """One kind of lie. `named`: its pictures given the right cause; `unobserved`: given any. `alarms`: honest pictures
    of the same plays that were not believed."""

    name: str
    named: Rate
    unobserved: Rate
    alarms: Rate


@dataclass(frozen=True, slots=True)
class Occupied:
    """Decisions about beds. `uncertain` counts against both recalls."""

    precision_occupied: ClusteredRate
    recall_occupied: ClusteredRate
    precision_empty: ClusteredRate
    recall_empty: ClusteredRate
    uncertain: ClusteredRate


@dataclass(frozen=True, slots=True)
class SequenceReport:
    """`single`: by the thresholds of one picture; `timed`: over time; both on the same pictures. `chances`: whether the
    fused probability of somebody in the bed is what it says, where a probability was stated."""

    pack_hash: str
    plays: int
    pictures: int
    single: Occupied
    timed: Occupied
    chances: Reliability
    lies: tuple[LieResult, ...]
    honest: tuple[LieResult, ...]

    def to_json(self) -> dict[str, object]:
        """The report as JSON values; every rate with its interval."""
        return {
            "pack_hash": self.pack_hash,
            "plays": self.plays,
            "pictures": self.pictures,
            "beds": {name: _occupied_json(part) for name, part in (("single", self.single), ("time", self.timed))},
            "probability": self.chances.to_json(),
            "lies": [
                {
                    "lie": r.name,
                    "named": rate_json(r.named),
                    "unobserved": rate_json(r.unobserved),
                    "alarms": rate_json(r.alarms),
                }
                for r in self.lies
            ],
            "honest": [{"play": r.name, "alarms": rate_json(r.alarms)} for r in self.honest],
        }


def sequence_command(
    seeds: Annotated[str, typer.Option(help="Seeds of the plays, with commas · 随机种子，逗号分隔")] = "21,22",
    pack: Annotated[Path | None, typer.Option(help="Model pack folder; the default pack if left out")] = None,
    beds: Annotated[bool, typer.Option(help="Judge beds too (reads every picture with the models)")] = True,
    as_json: AsJson = False,
) -> None:
    """Views that lie, and beds over time, on simulated wards · 模拟病区上的时序评测"""
    try:
        numbers = _seeds(seeds)
        with _progress(len(numbers) * len(_ROOMS), quiet=as_json) as step:
            report = evaluate_sequence(stages(numbers), _pack(pack), beds=beds, step=step)
    except WardwatchError as error:
        Console(stderr=True, highlight=False).print(error.line(), style="red", markup=False)
        raise typer.Exit(1) from None
    answer(report.to_json(), as_json, _grid(report))


def stages(seeds: Sequence[int]) -> list[Stage]:
    """A stage a room and seed, with the faces of the test pictures. Raises `InvalidInput` without their catalogue."""
    settings = get_settings()
    pictures = fetch_test_pictures(settings.cache_dir, mirror=settings.models_mirror)
    paths = {"group-colour": pictures.bundled, "portrait-colour": pictures.astronaut}
    text = scenario_file("faces.yaml").read_text(encoding="utf-8")
    return [Stage(room, seed, paths, text, _FACES) for seed in seeds for room in _ROOMS]


def evaluate_sequence(
    places: Sequence[Stage], pack: Pack, *, beds: bool = True, step: Step | None = None
) -> SequenceReport:
    """Plays each stage honestly, then with each lie, and judges all of it."""
    tables = [_Play.of(stage, pack, beds=beds) for stage in _stepped(places, step)]
    judged = _judged(tables)
    return SequenceReport(
        pack_hash=pack.pack_hash,
        plays=len(tables),
        pictures=sum(len(play.takes) for play in tables),
        single=_single(tables),
        timed=_counted([(bed.truth, bed.verdict.occupancy) for bed in judged], [bed.story for bed in judged]),
        chances=_chances(judged),
        lies=tuple(_lie(name, cause, tables) for name, cause in LIES.items()),
        honest=tuple(_lie(name, None, tables) for name in HONEST),
    )


LIES: Mapping[str, ViewCause] = {
    "covered": ViewCause.COVERED,
    "cloth": ViewCause.COVERED,
    "black": ViewCause.BLACK,
    "over_exposed": ViewCause.OVER_EXPOSED,
    "out_of_focus": ViewCause.OUT_OF_FOCUS,
    "moved": ViewCause.MOVED,
    "moved_little": ViewCause.MOVED,
    "turned": ViewCause.MOVED,
    "frozen": ViewCause.FROZEN,
    "looped": ViewCause.LOOPED,
    "looped_encoded": ViewCause.LOOPED,
    "looped_quiet_encoded": ViewCause.LOOPED,
    "swapped_camera": ViewCause.SWAPPED_CAMERA,
}
HONEST = ("night_and_day", "quiet_night", "curtain", "sunlight", "dim")
_START, _LENGTH = 60, 12


@dataclass(frozen=True, slots=True)
class _Play:
    """A stage played. `variants`: by lie, the pictures and their prints."""

    seed: int
    zones: tuple[Zone, ...]
    takes: tuple[Take, ...]
    prints: tuple[TimedPrint, ...]
    sights: Mapping[tuple[str, str], BedSight]
    variants: Mapping[str, tuple[tuple[Take, TimedPrint], ...]]

    @classmethod
    def of(cls, stage: Stage, pack: Pack, *, beds: bool) -> _Play:
        zones, takes = stage.zones(), list(honest(stage))
        prints = {take.jpeg: _print(take, zones) for take in takes}
        sights = _sights(takes, zones, pack) if beds else {}
        variants = {}
        for name, played in _variants(stage, takes):
            pairs = [(take, prints.get(take.jpeg) or _print(take, zones)) for take in played]
            variants[name] = tuple((take, TimedPrint(take.key, take.at, made.print)) for take, made in pairs)
        return cls(stage.seed, zones, tuple(takes), tuple(prints[take.jpeg] for take in takes), sights, variants)


def _variants(stage: Stage, takes: list[Take]) -> Iterator[tuple[str, list[Take]]]:
    span = range(_START, _START + _LENGTH)
    brief = range(_START, _START + 4)
    yield "night_and_day", takes
    yield "curtain", changed(stage, takes, span, curtain(0.4, left=stage.seed % 2 == 0), None)
    yield "sunlight", changed(stage, takes, range(4, 4 + _LENGTH), brighter(1.35), None)
    yield "dim", changed(stage, takes, range(4, 4 + _LENGTH), brighter(0.45), None)
    yield "covered", changed(stage, takes, brief, lambda pixels, _: pixels // 16 + 30, ViewCause.COVERED)
    yield "cloth", changed(stage, takes, brief, cloth, ViewCause.COVERED)
    yield "black", changed(stage, takes, brief, black, ViewCause.BLACK)
    yield "over_exposed", changed(stage, takes, brief, over_exposed, ViewCause.OVER_EXPOSED)
    yield "out_of_focus", changed(stage, takes, brief, blurred(0.006), ViewCause.OUT_OF_FOCUS)
    yield "moved", changed(stage, takes, brief, moved(0.08, -0.03), ViewCause.MOVED)
    yield "moved_little", changed(stage, takes, brief, moved(0.025, 0.0), ViewCause.MOVED)
    yield "turned", changed(stage, takes, brief, moved(0.0, 0.0, 6.0), ViewCause.MOVED)
    yield "frozen", frozen(takes, span)
    yield "looped", looped(takes, span, 20)
    yield "looped_encoded", looped(takes, range(_START, _START + 24), 30, quality=75)
    still = quiet(stage, takes, range(54, 88))  # under the night's lamp
    yield "quiet_night", still
    yield "looped_quiet_encoded", looped(still, range(68, 80), 12, quality=75)
    yield "swapped_camera", swapped(stage, takes, brief)


def _print(take: Take, zones: Sequence[Zone]) -> TimedPrint:
    return TimedPrint(take.key, take.at, make_print(decode(take.jpeg), zones))


def _sights(takes: Iterable[Take], zones: Sequence[Zone], pack: Pack) -> dict[tuple[str, str], BedSight]:
    nobody = Gallery.empty(pack.embedding_dimension)
    return {
        (take.key, reading.zone_id): BedSight(reading.body_score, reading.face_quality is not None)
        for take in takes
        for reading in analyse_frame(decode(take.jpeg), zones, {}, nobody, pack).readings
    }


def _lie(name: str, cause: ViewCause | None, plays: Sequence[_Play]) -> LieResult:
    named = unobserved = lying = alarms = fair = 0
    for play in plays:
        takes = {take.key: take for take, _ in play.variants[name]}
        for verdict in judge_views([made for _, made in play.variants[name]]):
            if takes[verdict.key].lie is None:
                fair, alarms = fair + 1, alarms + (not verdict.observed)
            else:
                lying += 1
                named += verdict.cause is cause
                unobserved += not verdict.observed
    return LieResult(name, Rate(named, lying), Rate(unobserved, lying), Rate(alarms, fair))


def _single(plays: Sequence[_Play]) -> Occupied:
    policy = ReadingPolicy()
    pairs: list[tuple[bool, Occupancy]] = []
    stories: list[_Story] = []
    for play in plays:
        for take in play.takes:
            for zone, truth in zip(play.zones, take.occupied, strict=True):
                sight = play.sights.get((take.key, zone.zone_id))
                pairs.append((truth, _at_once(sight, policy)))
                stories.append((play.seed, zone.zone_id))
    return _counted(pairs, stories)


def _at_once(sight: BedSight | None, policy: ReadingPolicy) -> Occupancy:
    """What one picture says, by the thresholds of single pictures."""
    if sight is None or sight.body is None:
        return Occupancy.UNCERTAIN
    if sight.face or sight.body >= policy.body_present:
        return Occupancy.OCCUPIED
    return Occupancy.EMPTY if sight.body < policy.body_absent else Occupancy.UNCERTAIN


_Story = tuple[int, str]


@dataclass(frozen=True, slots=True)
class _JudgedBed:
    """A bed in a picture, over time. `truth`: whether somebody is in it. `story`: seed and bed: its pictures hang
    together, also those of the other room, in which the same people come and go."""

    story: _Story
    truth: bool
    verdict: BedVerdict


def _judged(plays: Sequence[_Play]) -> list[_JudgedBed]:
    judged: list[_JudgedBed] = []
    for play in plays:
        truth = {
            take.key: dict(zip((z.zone_id for z in play.zones), take.occupied, strict=True)) for take in play.takes
        }
        beds = judge_beds(play.prints, judge_views(play.prints), play.sights)
        judged += [
            _JudgedBed((play.seed, v.zone_id), truth[v.key][v.zone_id], v) for told in beds.values() for v in told
        ]
    return judged


def _chances(judged: Sequence[_JudgedBed]) -> Reliability:
    stated = [(bed.verdict.probability, bed) for bed in judged if bed.verdict.probability is not None]
    return reliability([(chance, bed.truth) for chance, bed in stated], clusters=[bed.story for _, bed in stated])


def _counted(pairs: Sequence[tuple[bool, Occupancy]], stories: Sequence[_Story] | None = None) -> Occupied:
    """`pairs`: (truth, said); `stories`: what each hangs together with; left out, each stands alone."""
    names: Sequence[Hashable] = range(len(pairs)) if stories is None else stories
    told = [(name, truth, said) for name, (truth, said) in zip(names, pairs, strict=True)]
    full, bare = Occupancy.OCCUPIED, Occupancy.EMPTY
    return Occupied(
        clustered_rate((name, truth) for name, truth, said in told if said is full),
        clustered_rate((name, said is full) for name, truth, said in told if truth),
        clustered_rate((name, not truth) for name, truth, said in told if said is bare),
        clustered_rate((name, said is bare) for name, truth, said in told if not truth),
        clustered_rate((name, said is Occupancy.UNCERTAIN) for name, _, said in told),
    )


def _pack(folder: Path | None) -> Pack:
    return load_pack(folder or get_settings().models_dir / "wardwatch-default")


def _seeds(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 0:
        raise InvalidInput(f"{text!r} are no seeds", field="seeds", remedy="write numbers with commas, like 21,22")
    return numbers


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Step | None]:
    if quiet:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("plays · 模拟", total=total)
        yield lambda: bar.advance(task)


def _stepped(places: Sequence[Stage], step: Step | None) -> Iterator[Stage]:
    for place in places:
        yield place
        if step is not None:
            step()


def _occupied_json(part: Occupied) -> dict[str, object]:
    return {
        "precision_occupied": rate_json(part.precision_occupied),
        "recall_occupied": rate_json(part.recall_occupied),
        "precision_empty": rate_json(part.precision_empty),
        "recall_empty": rate_json(part.recall_empty),
        "uncertain": rate_json(part.uncertain),
    }


def _grid(report: SequenceReport) -> Grid:
    rows: list[tuple[str, str, str, str]] = []
    for name, part in (("single · 单帧", report.single), ("time · 时序", report.timed)):
        rows.append((f"{name} occupied · 有人", shown(part.precision_occupied), shown(part.recall_occupied), ""))
        rows.append((f"{name} empty · 空床", shown(part.precision_empty), shown(part.recall_empty), ""))
        rows.append((f"{name} uncertain · 不确定", shown(part.uncertain), "", ""))
    rows += chance_rows(report.chances)
    rows += [(f"lie · 失真 {r.name}", shown(r.named), shown(r.unobserved), shown(r.alarms)) for r in report.lies]
    rows += [(f"honest · 真实 {r.name}", "", "", shown(r.alarms)) for r in report.honest]
    columns = (
        "what · 项目",
        "precision / named / stated · 精确率 / 原因正确 / 给出概率",
        "recall / unobserved / observed · 召回率 / 判为未观察 / 实际占比",
        "false alarms · 误报",
    )
    return Grid(columns, rows)
