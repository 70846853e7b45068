"""Which facility a page is about when nobody says."""

from __future__ import annotations

from service.access import Actor, Grant, Permission, Role
from service.platform.context import Context
from service.web.places import chosen_facility, facility_choices
from tests.builders import create_facility

INSPECTOR = Actor(kind="user", id="u1", name="insp", grants=(Grant(Role.INSPECTOR, None),))


def test_pages_about_beds_offer_no_pharmacies(context: Context) -> None:
    with context.database.transaction() as session:
        create_facility(session, code="a-pharmacy", kind="pharmacy")
    with context.database.reading() as session:
        only = chosen_facility(session, INSPECTOR, Permission.OCCUPANCY_READ, None)
        assert only is not None
        assert only.code == "a-pharmacy"  # better than saying that there is nothing
    with context.database.transaction() as session:
        create_facility(session, code="hospital")
    with context.database.reading() as session:
        for permission in (Permission.OCCUPANCY_READ, Permission.DIRECTED_READ):
            found = chosen_facility(session, INSPECTOR, permission, None)
            assert found is not None
            assert found.code == "hospital"
            choices = facility_choices(session, INSPECTOR, permission, found, "en")
            assert [choice.value for choice in choices] == ["hospital"]
        purchases = facility_choices(session, INSPECTOR, Permission.PURCHASES_READ, None, "en")
        assert [choice.value for choice in purchases] == ["a-pharmacy", "hospital"]
