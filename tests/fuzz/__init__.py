"""Junk of every kind, bounded: a few examples in every test run, many with `make fuzz`."""

from __future__ import annotations

import os

EXAMPLES = int(os.environ.get("WARDWATCH_TEST_FUZZ_EXAMPLES", "60"))
"""Examples a property; `make fuzz` sets thousands."""
