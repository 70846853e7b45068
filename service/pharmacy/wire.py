"""What the pharmacy's messages share: examples, and a person's decision."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

Note = Annotated[str, Field(max_length=500)]


def example(**values: Any) -> ConfigDict:
    """A message that has no fields but its own, and an example of it in the API's description."""
    shown: JsonDict = {"examples": [values]}
    return ConfigDict(extra="forbid", json_schema_extra=shown)


class DecisionIn(BaseModel):
    """A person's decision."""

    model_config = example(approve=True, note="household register seen")

    approve: bool
    note: Note = ""
    attack_seen: bool = Field(default=False, description="A photograph, a screen or a mask was seen. Reviews only.")
