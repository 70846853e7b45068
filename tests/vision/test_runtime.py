"""Sessions fail loudly, and count their own time by thread."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, save

from service.platform.context import Context
from service.platform.settings import Settings
from service.vision import PackUnusable, ProviderMissing, RuntimeOptions, load_pack
from service.vision.packs import PackError
from service.vision.runtime import ModelTimer, check_running, open_session
from tests.vision.conftest import FOLDER

PACK = FOLDER.resolve()


@pytest.fixture
def doubling(tmp_path: Path) -> Path:
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "double",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    save(model, tmp_path / "double.onnx")
    return tmp_path / "double.onnx"


def test_a_call_is_counted_for_the_thread_that_made_it(doubling: Path) -> None:
    timer = ModelTimer()
    session = open_session(doubling, RuntimeOptions(), timer)
    assert session.run({"x": np.array([1.5], np.float32)})[0].tolist() == [3.0]
    assert timer.seconds() > 0
    elsewhere: list[float] = []
    thread = threading.Thread(target=lambda: elsewhere.append(timer.seconds()))
    thread.start()
    thread.join()
    assert elsewhere == [0.0]


def test_a_provider_that_is_not_there_stops_the_start(doubling: Path) -> None:
    with pytest.raises(ProviderMissing, match="NoSuchExecutionProvider"):
        open_session(doubling, RuntimeOptions(providers=("NoSuchExecutionProvider", "CPUExecutionProvider")))


def test_a_provider_that_fell_back_to_cpu_is_noticed() -> None:
    with pytest.raises(ProviderMissing, match="CUDAExecutionProvider") as caught:
        check_running(["CPUExecutionProvider"], RuntimeOptions(("CUDAExecutionProvider", "CPUExecutionProvider")))
    assert caught.value.remedy


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(PackUnusable, match=r"bad\.onnx"):
        open_session(tmp_path / "bad.onnx", RuntimeOptions())


def test_a_folder_without_a_pack_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PackError) as caught:
        load_pack(tmp_path)
    assert "fetch" in caught.value.remedy


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="provider"):
        RuntimeOptions(providers=())
    with pytest.raises(ValueError, match="thread"):
        RuntimeOptions(intra_threads=0)


ASKED = {
    "cpu": ("CPUExecutionProvider",),
    "cuda, cpu": ("CUDAExecutionProvider", "CPUExecutionProvider"),
    "openvino,CPU": ("OpenVINOExecutionProvider", "CPUExecutionProvider"),
    "CoreMLExecutionProvider": ("CoreMLExecutionProvider",),
    '["cuda", "CPUExecutionProvider"]': ("CUDAExecutionProvider", "CPUExecutionProvider"),
}


@pytest.mark.parametrize("text", list(ASKED))
def test_providers_are_a_setting(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARDWATCH_PROVIDERS", text)
    assert Settings().providers == ASKED[text]


@pytest.mark.models
@pytest.mark.parametrize("name", ["cuda", "openvino", "coreml"])
def test_a_server_whose_provider_is_missing_does_not_start(name: str, context: Context) -> None:
    import onnxruntime

    from service.cli.serve import require_pack

    settings = Settings(providers=(name, "cpu"), models_dir=PACK.parent, data_dir=context.settings.data_dir)
    if settings.providers[0] in onnxruntime.get_available_providers():
        pytest.skip(f"{name} is there")
    with pytest.raises(ProviderMissing, match=settings.providers[0]) as caught:
        require_pack(dataclasses.replace(context, settings=settings))
    assert "remove the provider" in caught.value.remedy


@pytest.mark.models
@pytest.mark.parametrize("file", ["yunet.onnx", "facemesh.onnx", "sface.onnx", "nanodet.onnx"])
def test_a_model_file_that_is_not_the_manifests_is_not_opened(file: str, tmp_path: Path) -> None:
    folder = tmp_path / PACK.name
    shutil.copytree(PACK, folder)
    model = onnx.load(folder / file)
    model.producer_name = "somebody else"  # still a model, and it would still run
    onnx.save(model, folder / file)
    with pytest.raises(PackUnusable) as caught:
        load_pack(folder)
    assert file.split(".")[0] in str(caught.value) or caught.value.field == "tasks.recognition"
    assert caught.value.remedy.startswith("run: wardwatch models")
    (folder / file).unlink()
    with pytest.raises((PackUnusable, PackError)):
        load_pack(folder)
