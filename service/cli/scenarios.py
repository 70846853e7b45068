"""Where the project's scenarios are: in its folder, or where the installed wheel put them."""

from __future__ import annotations

import sys
from pathlib import Path

from service.kit.errors import InvalidInput

SHARED = Path("share") / "wardwatch" / "scenarios"
"""Below the environment's prefix; pyproject.toml puts the files there."""


def scenario_file(name: str) -> Path:
    """The scenario called `name`. Raises `InvalidInput`, naming the places looked at."""
    places = [Path(__file__).parents[2] / "fixtures" / "scenarios", Path(sys.prefix) / SHARED]
    for place in places:
        if (place / name).is_file():
            return place / name
    raise InvalidInput(
        f"{name} is neither in {places[0]} nor in {places[1]}",
        field="catalogue",
        remedy="install wardwatch again, or run this from the project's folder",
    )
