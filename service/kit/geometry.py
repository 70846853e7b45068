"""Plane geometry on polygons given as sequences of (x, y). The unit is the caller's."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""x1, y1, x2, y2."""


def signed_area(polygon: Sequence[Point]) -> float:
    """The shoelace area; positive when the vertices turn clockwise on a screen (y down)."""
    n = len(polygon)
    return 0.5 * sum(
        polygon[i][0] * polygon[(i + 1) % n][1] - polygon[(i + 1) % n][0] * polygon[i][1] for i in range(n)
    )


def area(polygon: Sequence[Point]) -> float:
    """The polygon's area; 0 for fewer than three vertices."""
    return abs(signed_area(polygon)) if len(polygon) >= 3 else 0.0


def bounding_box(polygon: Sequence[Point]) -> Box:
    """The smallest upright box around the polygon. Raises `ValueError` for an empty one."""
    if not polygon:
        raise ValueError("a polygon without vertices has no box")
    xs, ys = [p[0] for p in polygon], [p[1] for p in polygon]
    return min(xs), min(ys), max(xs), max(ys)


def contains(polygon: Sequence[Point], point: Point) -> bool:
    """Whether `point` lies inside (even-odd rule); points on the border may go either way."""
    x, y = point
    inside = False
    for i, (x1, y1) in enumerate(polygon):
        x2, y2 = polygon[(i + 1) % len(polygon)]
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def is_simple(polygon: Sequence[Point]) -> bool:
    """Whether no two edges cross: a bow tie is not a bed."""
    n = len(polygon)
    edges = [(polygon[i], polygon[(i + 1) % n]) for i in range(n)]
    return not any(_cross(*edges[i], *edges[j]) for i in range(n) for j in range(i + 2, n) if (j + 1) % n != i)


def box_intersection_area(polygon: Sequence[Point], box: Box) -> float:
    """The area common to a polygon and an upright box (Sutherland and Hodgman, CACM 17, 1974)."""
    x1, y1, x2, y2 = box
    clipped = list(polygon)
    for axis, bound, keep_greater in ((0, x1, True), (0, x2, False), (1, y1, True), (1, y2, False)):
        clipped = _clip(clipped, axis, bound, keep_greater)
        if not clipped:
            return 0.0
    return area(clipped)


def _clip(polygon: Sequence[Point], axis: int, bound: float, keep_greater: bool) -> list[Point]:
    def keeps(p: Point) -> bool:
        return p[axis] >= bound if keep_greater else p[axis] <= bound

    result: list[Point] = []
    for i, current in enumerate(polygon):
        previous = polygon[i - 1]
        if keeps(current) != keeps(previous):
            t = (bound - previous[axis]) / (current[axis] - previous[axis])
            result.append((previous[0] + t * (current[0] - previous[0]), previous[1] + t * (current[1] - previous[1])))
        if keeps(current):
            result.append(current)
    return result


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    return _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0
