"""A passive model beside the challenge: what it says is a warning for a person, never a verdict.

Such models (MiniFASNet and its kin) know the prints and screens they were trained on; on others they guess. None is
part of the default pack: an operator who has one names its folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.vision.decode import Frame
from service.vision.errors import PackUnusable
from service.vision.liveness.look import FaceLook
from service.vision.runtime import ModelSession, ModelTimer, RuntimeOptions, open_session
from service.vision.warp import sample

NOTE = "passive.json"


class PassiveNote(BaseModel):
    """`passive.json` beside the ONNX file: how the model wants its faces. Nobody can guess it from the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(pattern=r"^[\w.-]+\.onnx$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the file: another file is not opened.")
    side: int = Field(ge=32, le=512, description="Pixels of the square input, batch x 3 x side x side.")
    context: float = Field(ge=1.0, le=6.0, description="Side of the square cut out, over the face's longer side.")
    colours: Literal["bgr", "rgb"]
    scale: float = Field(gt=0, description="Grey values 0..255 are multiplied by this.")
    live: int = Field(ge=0, le=9, description="Index of the class `live` in the output.")
    threshold: float = Field(ge=0, le=1, description="Mean share of `live` below which a burst is warned about.")


@dataclass(frozen=True, slots=True)
class PassiveModel:
    """An opened model. Shared by threads."""

    session: ModelSession
    input_name: str
    note: PassiveNote

    def live(self, frame: Frame, look: FaceLook) -> float:
        """The model's share of `live` for one face, 0..1."""
        x1, y1, x2, y2 = look.face.box
        side = self.note.context * max(x2 - x1, y2 - y1)
        scale = self.note.side / max(side, 1.0)
        middle = (x1 + x2) / 2, (y1 + y2) / 2
        forward = np.array(
            [[scale, 0, self.note.side / 2 - scale * middle[0]], [0, scale, self.note.side / 2 - scale * middle[1]]]
        )
        patch = sample(frame.pixels, forward, (self.note.side, self.note.side))
        if self.note.colours == "rgb":
            patch = np.asarray(cv2.cvtColor(patch, cv2.COLOR_BGR2RGB), np.uint8)
        blob = patch.transpose(2, 0, 1)[None].astype(np.float32) * np.float32(self.note.scale)
        values = self.session.run({self.input_name: blob})[0].reshape(-1).astype(np.float64)
        shares = np.exp(values - values.max())
        return float(shares[self.note.live] / shares.sum())

    def share(self, frames: Sequence[Frame], looks: Sequence[FaceLook | None]) -> float | None:
        """The mean share of `live` over the faces of a burst, 0..1; `None` without any. Below the note's threshold they
        look, taken together, like pictures of a face."""
        shares = [self.live(f, look) for f, look in zip(frames, looks, strict=True) if look is not None]
        return float(np.mean(shares)) if shares else None


def open_passive(folder: Path, options: RuntimeOptions | None = None) -> PassiveModel:
    """The model in `folder`: an ONNX file and its `passive.json`, whose sha256 the file must have. Raises
    `PackUnusable`."""
    try:
        note = PassiveNote.model_validate(json.loads((folder / NOTE).read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):
        raise PackUnusable(
            f"{folder / NOTE} does not say how the model wants its faces", field="passive", remedy="see docs/kiosk.md"
        ) from None
    path = folder / note.file
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != note.sha256:
        raise PackUnusable(
            f"{path} is not the file that {NOTE} speaks of",
            field="passive",
            remedy="fetch the file again, or take the folder out of the settings: the feature is then off",
        )
    session = open_session(path, options or RuntimeOptions(), ModelTimer())
    return PassiveModel(session, session.input_names[0], note)
