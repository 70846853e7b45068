"""The folder source: order, instants, unfinished and hostile files."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from edge_agent.errors import SourceUnusable
from edge_agent.frames import CapturedFrame, Origin
from edge_agent.sources.folder import AfterSpooling, FolderOptions, FolderSource
from edge_agent.sources.instants import from_exif, from_modified, from_name
from tests.edge_agent.conftest import jpeg, wait_for


class Passed:
    """Counts what a source passed over."""

    def __init__(self) -> None:
        self.causes: list[str] = []

    def __call__(self, cause: str) -> None:
        self.causes.append(cause)


def source(
    folder: Path, passed: Passed | None = None, known: set[str] | None = None, **options: object
) -> FolderSource:
    names = known or set()
    return FolderSource(
        folder,
        FolderOptions(camera="cam1", poll_seconds=0.02, **options),  # type: ignore[arg-type]
        lambda origin: origin.name in names,
        passed or Passed(),
    )


def taken(source: FolderSource) -> list[CapturedFrame]:
    return list(source.frames(threading.Event()))


def names(frames: list[CapturedFrame]) -> list[str]:
    return [frame.origin.name for frame in frames if frame.origin]


def test_files_come_in_the_order_of_their_names_and_numbers_count(tmp_path: Path) -> None:
    for name in ("b_10.jpg", "b_9.jpg", "a.PNG", "cam1_20260302T081500Z_2.jpg", "cam1_20260302T081500Z_10.jpg"):
        (tmp_path / name).write_bytes(jpeg(1))
    assert names(taken(source(tmp_path))) == [
        "a.PNG",
        "b_9.jpg",
        "b_10.jpg",
        "cam1_20260302T081500Z_2.jpg",
        "cam1_20260302T081500Z_10.jpg",
    ]


def test_files_are_passed_on_byte_for_byte(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff no picture at all")
    (frame,) = taken(source(tmp_path))
    assert frame.data == b"\xff\xd8\xff no picture at all"


@pytest.mark.parametrize(
    ("stem", "camera", "instant"),
    [
        ("cam1_20260302T081500Z", "cam1", datetime(2026, 3, 2, 8, 15, tzinfo=UTC)),
        ("cam_1_x_20260302T081500Z_17", "cam_1_x", datetime(2026, 3, 2, 8, 15, tzinfo=UTC)),
        ("东区_20260302T081500.25Z", "东区", datetime(2026, 3, 2, 8, 15, 0, 250_000, tzinfo=UTC)),
        ("20260302T081500123Z", None, datetime(2026, 3, 2, 8, 15, 0, 123_000, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_from_a_name(stem: str, camera: str | None, instant: datetime) -> None:
    named = from_name(stem)
    assert named is not None
    assert (named.camera, named.captured_at) == (camera, instant)


@pytest.mark.parametrize("stem", ["snapshot", "cam1_20260302T081500", "cam1_20261302T081500Z", "cam1_20260302T256000Z"])
def test_a_name_without_an_instant_has_none(stem: str) -> None:
    assert from_name(stem) is None


def exif_jpeg(taken_at: str, offset: str | None) -> bytes:
    picture = Image.new("RGB", (16, 16))
    exif = Image.Exif()
    inner = exif.get_ifd(0x8769)
    inner[0x9003] = taken_at
    if offset is not None:
        inner[0x9011] = offset
    buffer = BytesIO()
    picture.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_exif_counts_where_the_name_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(exif_jpeg("2026:03:02 16:15:00", "+08:00"))
    (frame,) = taken(source(tmp_path))
    assert frame.captured_at == datetime(2026, 3, 2, 8, 15, tzinfo=UTC)


def test_exif_without_an_offset_needs_a_zone() -> None:
    data = exif_jpeg("2026:03:02 16:15:00", None)
    assert from_exif(data, None) is None
    assert from_exif(data, ZoneInfo("Asia/Shanghai")) == datetime(2026, 3, 2, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0000:00:00 00:00:00", "yesterday", ""])
def test_exif_that_is_no_instant_is_none(text: str) -> None:
    assert from_exif(exif_jpeg(text, "+08:00"), ZoneInfo("UTC")) is None


def test_exif_of_a_hostile_file_is_none() -> None:
    data = exif_jpeg("2026:03:02 16:15:00", "+08:00")
    at = data.index(b"Exif")
    for cut in range(at, at + 120, 3):
        for poison in (b"\xff\xff\xff\xff", b"\0\0\0\0"):
            from_exif(data[:cut] + poison + data[cut + 4 :], None)
            from_exif(data[:cut], None)


def test_else_the_files_own_time_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(1))
    os.utime(path, ns=(0, 1_772_439_300_123_456_789))
    (frame,) = taken(source(tmp_path))
    assert frame.captured_at == datetime(2026, 3, 2, 8, 15, 0, 123_456, tzinfo=UTC)
    assert from_modified(1_772_439_300_123_456_789) == frame.captured_at


def test_another_cameras_file_is_never_posted_as_this_ones(tmp_path: Path) -> None:
    (tmp_path / "cam1_20260302T081500Z.jpg").write_bytes(jpeg(1))
    (tmp_path / "cam2_20260302T081500Z.jpg").write_bytes(jpeg(2))
    passed = Passed()
    assert names(taken(source(tmp_path, passed))) == ["cam1_20260302T081500Z.jpg"]
    assert passed.causes == ["ignored.other_camera"]


def test_what_is_no_finished_picture_file_is_passed_over(tmp_path: Path) -> None:
    for name in (".a.jpg", "a.jpg.tmp", "a.jpg.part", "a.part.jpg", "~a.jpg", "a.tmp.jpg", "a.txt", "a.mp4"):
        (tmp_path / name).write_bytes(jpeg(1))
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    secret = tmp_path / "secret"
    secret.write_bytes(jpeg(1))
    (tmp_path / "link.jpg").symlink_to(secret)
    assert taken(source(tmp_path)) == []


def test_too_large_and_empty_files_are_counted_by_cause(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "b.jpg").write_bytes(b"x" * 2001)
    (tmp_path / "c.jpg").write_bytes(b"x" * 2000)
    passed = Passed()
    assert names(taken(source(tmp_path, passed, max_bytes=2000))) == ["c.jpg"]
    assert sorted(passed.causes) == ["ignored.empty", "ignored.too_large"]


def test_known_files_are_skipped_and_still_put_away(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(jpeg(1))
    found = taken(source(tmp_path, known={"a.jpg"}, after=AfterSpooling.DELETE))
    assert names(found) == ["b.jpg"]
    assert not (tmp_path / "a.jpg").exists()
    assert (tmp_path / "b.jpg").exists()  # not spooled yet


@pytest.mark.parametrize("after", list(AfterSpooling))
def test_a_spooled_file_is_kept_moved_or_deleted(tmp_path: Path, after: AfterSpooling) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(1))
    folder = source(tmp_path, after=after)
    (frame,) = taken(folder)
    assert path.exists()
    folder.done_with(frame)
    folder.done_with(frame)  # twice is harmless
    assert path.exists() == (after is AfterSpooling.KEEP)
    assert (tmp_path / "spooled" / "a.jpg").exists() == (after is AfterSpooling.MOVE)


def test_a_moved_file_does_not_replace_an_older_one_of_its_name(tmp_path: Path) -> None:
    folder = source(tmp_path, after=AfterSpooling.MOVE)
    for shade in (1, 2):
        (tmp_path / "a.jpg").write_bytes(jpeg(shade))
        folder.done_with(CapturedFrame(b"", from_modified(0), Origin("a.jpg", 1, 1)))
    assert (tmp_path / "spooled" / "a.jpg").read_bytes() == jpeg(1)
    assert (tmp_path / "spooled" / "a~1.jpg").read_bytes() == jpeg(2)


@pytest.fixture
def following(tmp_path: Path) -> Iterator[list[CapturedFrame]]:
    """What a following source has given so far."""
    stop = threading.Event()
    got: list[CapturedFrame] = []
    folder = source(tmp_path, follow=True)

    def work() -> None:
        for frame in folder.frames(stop):
            got.append(frame)

    thread = threading.Thread(target=work)
    thread.start()
    yield got
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def test_following_waits_for_a_half_written_file(tmp_path: Path, following: list[CapturedFrame]) -> None:
    whole = jpeg(5, (640, 480))
    path = tmp_path / "a.jpg"
    with path.open("wb") as file:
        for i in range(0, len(whole) - 40, 300):
            file.write(whole[i : min(i + 300, len(whole) - 40)])
            file.flush()
            threading.Event().wait(0.03)
        threading.Event().wait(0.5)
        assert following == []  # it has not changed for a while, but its end mark is missing
        file.write(whole[-40:])
    wait_for(lambda: len(following) == 1)
    assert following[0].data == whole


def test_following_sees_new_and_overwritten_files_once_each(tmp_path: Path, following: list[CapturedFrame]) -> None:
    for shade in range(3):
        temporary = tmp_path / "now.tmp"
        temporary.write_bytes(jpeg(shade))
        temporary.rename(tmp_path / "now.jpg")
        wait_for(lambda shade=shade: len(following) == shade + 1)  # type: ignore[misc]
    threading.Event().wait(0.2)
    assert [frame.data for frame in following] == [jpeg(0), jpeg(1), jpeg(2)]


def test_following_survives_a_folder_that_goes_away_for_a_while(tmp_path: Path, following: list[CapturedFrame]) -> None:
    away = tmp_path.with_name(tmp_path.name + "-away")
    tmp_path.rename(away)
    threading.Event().wait(0.1)
    away.rename(tmp_path)
    (tmp_path / "a.jpg").write_bytes(jpeg(1))
    wait_for(lambda: len(following) == 1)


def test_a_missing_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SourceUnusable, match="nowhere") as caught:
        source(tmp_path / "nowhere")
    assert caught.value.field == "source"
