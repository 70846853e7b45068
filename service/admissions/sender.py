"""Which facility a message is about: the token's own, or the one that a person names."""

from __future__ import annotations

from sqlmodel import Session

from service.access import Actor, Permission
from service.facilities import Facility, facility_by_id, facility_for
from service.kit.errors import InvalidInput


def facility_of_sender(session: Session, actor: Actor, code: str) -> Facility:
    """The facility; a token's own unless `code` names it. Raises `NotFound`, `Forbidden`, `InvalidInput`."""
    if code:
        return facility_for(session, actor, Permission.ADMISSIONS_WRITE, code)
    if actor.facility_id is None:
        raise InvalidInput(
            "which facility is it about?",
            field="facility",
            remedy="add ?facility=CODE, or use a token of the facility",
            message_zh="未指明机构",
            remedy_zh="请添加 ?facility=机构编码，或使用该机构的令牌",
        )
    actor.require(Permission.ADMISSIONS_WRITE, actor.facility_id)
    return facility_by_id(session, actor.facility_id)
