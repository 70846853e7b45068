"""The pages' routes."""

from fastapi import APIRouter

from service.web.pages import (
    board,
    by_hand,
    cameras,
    directed,
    findings,
    gate,
    overview,
    pharmacy,
    region_report,
    report,
    roll_calls,
    story,
)

router = APIRouter()
for _part in (
    gate,
    overview,
    board,
    cameras,
    roll_calls,
    directed,
    by_hand,
    report,
    region_report,
    pharmacy,
    findings,
    story,
):
    router.include_router(_part.router)

__all__ = ["router"]
