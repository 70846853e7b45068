"""The pages' routes."""

from fastapi import APIRouter

from service.web.pages import board, findings, gate, overview, report, story

router = APIRouter()
for _part in (gate, overview, board, report, findings, story):
    router.include_router(_part.router)

__all__ = ["router"]
