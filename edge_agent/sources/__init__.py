"""Where pictures come from, each behind one protocol. OpenCV is imported only by those that need it."""

from edge_agent.sources.address import SourceAddress, SourceKind, parse_address
from edge_agent.sources.base import Known, Source
from edge_agent.sources.open import SourceOptions, open_source

__all__ = ["Known", "Source", "SourceAddress", "SourceKind", "SourceOptions", "open_source", "parse_address"]
