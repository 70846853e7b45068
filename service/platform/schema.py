"""Finds the tables of all rooms, so that nothing below has to name what lies above it."""

from __future__ import annotations

import importlib
from pathlib import Path

import service


def load_tables() -> tuple[str, ...]:
    """Imports `tables.py` of every room that has one, and returns the modules' names.

    Foreign keys name tables of other rooms as text; SQLAlchemy resolves them at the first flush, when every table
    must be known.
    """
    folders = (Path(folder) for folder in service.__path__)
    rooms = sorted(path.parent.name for folder in folders for path in folder.glob("*/tables.py"))
    names = tuple(f"service.{room}.tables" for room in rooms)
    for name in names:
        importlib.import_module(name)
    return names
