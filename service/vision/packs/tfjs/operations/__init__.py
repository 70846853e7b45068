"""Converters of single operations; importing a module registers what it handles."""

from service.vision.packs.tfjs.operations import elementwise, shapes, windows


def register_all() -> tuple[str, ...]:
    """Names the modules whose converters are registered; calling it keeps their imports from looking unused."""
    return tuple(module.__name__ for module in (elementwise, shapes, windows))
