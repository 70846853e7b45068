"""The rules about purchases, for any months: what is learnt late has no limit in time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from service.facilities import facility_by_id
from service.occupancy import judged_upto, place_of
from service.platform.context import Context
from service.screening.gather_pharmacy import gather_purchases
from service.screening.periods import month_called
from service.screening.pharmacy_rules import RULES
from service.screening.repository import findings_of
from service.screening.run import Screened, settle, suspected

_CODES = frozenset(rule.code for rule in RULES)


def purchases_job(context: Context, payload: dict[str, Any]) -> None:
    """Job `screening.purchases` {facility_id, months}: local months, written 2026-03."""
    run_purchases(context, str(payload["facility_id"]), [str(name) for name in payload["months"]])


def run_purchases(context: Context, facility_id: str, months: Collection[str]) -> Screened:
    """Applies the rules about purchases to these months of the facility, as they are known now."""
    with context.database.transaction() as session:
        facility = facility_by_id(session, facility_id)
        upto = judged_upto(facility, context.clock)
        if upto is None:
            return Screened()
        place = place_of(facility, session, upto)
        periods = [found for name in sorted(set(months)) if (found := month_called(place, name, upto)) is not None]
        names = {period.name for period in periods}
        known = {
            key: row
            for key, row in findings_of(session, facility_id).items()
            if key.period in names and key.rule in _CODES
        }
        facts = (item for period in periods for item in gather_purchases(session, place, period))
        return settle(session, facility, suspected(facts), known, context.clock.now())
