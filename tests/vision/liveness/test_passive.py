"""A passive model warns, and decides nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from service.simulator.heads import HeadCamera, Motion, genuine_burst
from service.vision import Frame, Pack, PackUnusable
from service.vision.liveness import LivenessReason, LivenessVerdict, judge_burst, open_passive, turns_for
from tests.rendered import library

NOTE = {
    "file": "m.onnx",
    "sha256": "0" * 64,
    "side": 64,
    "context": 1.5,
    "colours": "bgr",
    "scale": 1.0,
    "live": 1,
    "threshold": 0.5,
}


def model(folder: Path, live: float) -> Path:
    """A model that says the same of every face: classes fake 0, live `live` (before softmax)."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [3, 2], [0.0] * 6)
    bias = helper.make_tensor("b", TensorProto.FLOAT, [2], [0.0, live])
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "passive",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 2])],
        [weights, bias],
    )
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(built, folder / "m.onnx")
    digest = hashlib.sha256((folder / "m.onnx").read_bytes()).hexdigest()
    (folder / "passive.json").write_text(json.dumps(NOTE | {"sha256": digest}), encoding="utf-8")
    return folder


@pytest.mark.models
@pytest.mark.parametrize(("live", "reasons"), [(3.0, ()), (-3.0, (LivenessReason.PASSIVE_WARNING,))])
def test_it_warns_and_the_verdict_stays(
    tmp_path: Path, real_pack: Pack, live: float, reasons: tuple[LivenessReason, ...]
) -> None:
    turns = turns_for("p")
    shots = genuine_burst(library(real_pack).head("f35"), turns, HeadCamera(1), Motion())
    passive = open_passive(model(tmp_path, live))
    judgement = judge_burst([Frame(shot) for shot in shots], turns, real_pack, passive=passive)
    assert judgement.verdict is LivenessVerdict.LIVE
    assert judgement.reasons == reasons
    # softmax(0, 3) = .953 and softmax(0, -3) = .047
    assert judgement.passive == pytest.approx(0.953 if live > 0 else 0.047, abs=1e-3)


def test_another_file_than_the_note_says_is_not_opened(tmp_path: Path) -> None:
    model(tmp_path, 3.0)
    with (tmp_path / "m.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(PackUnusable, match=r"m\.onnx is not the file"):
        open_passive(tmp_path)
    (tmp_path / "m.onnx").unlink()
    with pytest.raises(PackUnusable, match=r"m\.onnx is not the file"):
        open_passive(tmp_path)


@pytest.mark.parametrize("note", [None, "{}", json.dumps(NOTE | {"file": "../m.onnx"}), json.dumps(NOTE | {"side": 0})])
def test_a_folder_that_does_not_say_how_is_refused(tmp_path: Path, note: str | None) -> None:
    if note is not None:
        (tmp_path / "passive.json").write_text(note, encoding="utf-8")
    with pytest.raises(PackUnusable, match=r"passive\.json"):
        open_passive(tmp_path)
