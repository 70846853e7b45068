"""What is learnt late, a death or a stock count, judges again what the register's pharmacies sold before."""

from __future__ import annotations

from typing import Any

from service.facilities import facility_by_id
from service.pharmacy.sites import facilities_of_register, register_of
from service.platform.context import Context
from service.platform.jobs import enqueue


def rescreen_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `purchases.rescreen` {facility_id}: the pharmacies that share the facility's register are screened again.

    A hospital that shares no register with a pharmacy gives nothing to do.
    """
    now = context.clock.now()
    with context.database.transaction() as session:
        register = register_of(session, facility_by_id(session, str(payload["facility_id"])))
        for place in facilities_of_register(session, register):
            if place.kind == "pharmacy":
                key = f"screening.places:{place.id}"
                enqueue(session, "screening.places", {"facility_id": place.id}, now=now, dedupe_key=key)
