"""The pages' own files: style sheets, pictures and modules, with a version in their address."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"


@lru_cache(maxsize=1)
def versions() -> Mapping[str, str]:
    """The start of each file's sha256, which is its version."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in FOLDER.iterdir()}


def asset_url(name: str) -> str:
    """The address of `name` with its version: it may be kept for a year, since a change has another address."""
    return f"/static/{name}?v={versions()[name]}"


class Assets(StaticFiles):
    """Serves the folder; a request that names the file's version may keep the answer, any other must ask again."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, with how long it may be kept."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("v", [""])[0]
        known = versions().get(Path(full_path).name)
        fresh = known is not None and asked == known
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if fresh else "no-cache"
        return response
