"""The month that is being played: its places, people and stays, as rows and by the names of the story."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta

from service.access import Actor
from service.cli.month.world import Plan, World
from service.facilities import Bed, Camera, Ward
from service.platform.context import Context

PACK = "simulated"
CADENCE = timedelta(minutes=30)


@dataclass
class Play:
    """A month being played. Ids of what was made, by the story's own names and numbers."""

    context: Context
    world: World
    rng: random.Random
    beds: list[Bed] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)
    cameras: list[Camera] = field(default_factory=list)
    wards: list[Ward] = field(default_factory=list)
    people: dict[str, str] = field(default_factory=dict)
    stays: dict[str, str] = field(default_factory=dict)
    nurses: dict[int, Actor] = field(default_factory=dict)
    facility_id: str = ""
    facility_code: str = ""
    sequence: int = 0
    looked: dict[str, int] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        """The size of the month."""
        return self.world.plan
