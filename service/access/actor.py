"""Who acts, and what they may do where."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from service.access.errors import Forbidden
from service.kit.errors import NotFound


class Permission(StrEnum):
    """Something a route requires. The values are also the scopes of tokens."""

    SNAPSHOTS_POST = "snapshots:post"
    CONFIG_READ = "config:read"
    FACILITY_READ = "facility:read"
    FACILITY_WRITE = "facility:write"
    ADMISSIONS_WRITE = "admissions:write"
    ENROLMENTS_WRITE = "enrolments:write"
    OCCUPANCY_READ = "occupancy:read"
    DIRECTED_READ = "directed:read"
    DIRECTED_ANSWER = "directed:answer"
    ROLL_CALLS_START = "rollcalls:start"
    FINDINGS_READ = "findings:read"
    FINDINGS_DECIDE = "findings:decide"
    FRAMES_READ = "frames:read"
    PURCHASES_VERIFY = "purchases:verify"
    PURCHASES_SELL = "purchases:sell"
    PURCHASES_READ = "purchases:read"
    PURCHASES_REVIEW = "purchases:review"
    REGISTERS_WRITE = "registers:write"
    STOCK_WRITE = "stock:write"
    CLOCK_DRIVE = "clock:drive"
    OPERATE = "operate"


class Role(StrEnum):
    """What a person is at a facility."""

    VIEWER = "viewer"
    WARD_STAFF = "ward_staff"
    INSPECTOR = "inspector"
    ADMIN = "admin"


_READS = frozenset(
    {Permission.FACILITY_READ, Permission.OCCUPANCY_READ, Permission.DIRECTED_READ, Permission.FINDINGS_READ}
    | {Permission.PURCHASES_READ}
)
# At a pharmacy the staff are its pharmacists.
_COUNTER = frozenset({Permission.PURCHASES_REVIEW, Permission.REGISTERS_WRITE, Permission.PURCHASES_SELL})
ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _READS,
    Role.WARD_STAFF: _READS
    | _COUNTER
    | {Permission.DIRECTED_ANSWER, Permission.ENROLMENTS_WRITE, Permission.FRAMES_READ},
    Role.INSPECTOR: _READS
    | {Permission.DIRECTED_ANSWER, Permission.ROLL_CALLS_START, Permission.FRAMES_READ, Permission.PURCHASES_REVIEW}
    | {Permission.FINDINGS_DECIDE},
    # Pictures come from devices: a person who could post them could make evidence.
    Role.ADMIN: frozenset(Permission) - {Permission.SNAPSHOTS_POST, Permission.PURCHASES_VERIFY},
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A role at one facility, or at all of them (`facility_id` is None)."""

    role: Role
    facility_id: str | None


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever makes a request: a person, a program with a token, a device that signs, nobody, or the system itself.

    `camera_id`: the only camera that a token or device stands for. `kiosk_id`: of a kiosk, its device's id.
    """

    kind: Literal["user", "token", "device", "nobody", "system"]
    id: str = ""
    name: str = ""
    grants: tuple[Grant, ...] = ()
    scopes: frozenset[Permission] = frozenset()
    facility_id: str | None = None
    camera_id: str | None = None
    kiosk_id: str | None = None
    session_id: str = ""
    csrf_token: str = field(default="", repr=False)

    @property
    def label(self) -> str:
        """The actor as the ledger names it: `user:…`, `token:…`, `system` or `nobody`."""
        return f"{self.kind}:{self.name}" if self.name else self.kind

    @property
    def is_known(self) -> bool:
        """Whether anybody is logged in."""
        return self.kind != "nobody"

    def facilities(self, permission: Permission) -> frozenset[str] | None:
        """The facilities where the actor has `permission`; None means everywhere."""
        if self.kind == "system":
            return None
        if self.kind in ("token", "device"):
            here = frozenset({self.facility_id}) if self.facility_id else frozenset[str]()
            return here if permission in self.scopes else frozenset()
        granted = [grant.facility_id for grant in self.grants if permission in ROLE_PERMISSIONS[grant.role]]
        if None in granted:
            return None
        return frozenset(facility for facility in granted if facility is not None)

    def knows(self, facility_id: str) -> bool:
        """Whether the actor may know that the facility exists."""
        if self.kind == "system":
            return True
        if self.kind in ("token", "device"):
            return self.facility_id == facility_id
        return any(grant.facility_id in (None, facility_id) for grant in self.grants)

    def works_at(self, facility_id: str) -> bool:
        """Whether the actor belongs to this very facility, rather than standing above all of them."""
        if self.kind in ("token", "device"):
            return self.facility_id == facility_id
        return self.kind == "system" or any(grant.facility_id == facility_id for grant in self.grants)

    def may(self, permission: Permission, facility_id: str | None = None) -> bool:
        """Whether the actor has `permission` at `facility_id`; without one, anywhere at all."""
        allowed = self.facilities(permission)
        if allowed is None:
            return True
        return bool(allowed) if facility_id is None else facility_id in allowed

    def require(self, permission: Permission, facility_id: str) -> None:
        """Raises `NotFound` if the actor may not even know the facility, `Forbidden` if it may not do this there."""
        if not self.knows(facility_id):
            raise NotFound("there is no such thing", remedy="check the id and the facility")
        if not self.may(permission, facility_id):
            raise Forbidden(
                f"{self.kind} has no right to {permission.value} here", remedy="ask an administrator for the role"
            )


NOBODY = Actor(kind="nobody")
SYSTEM = Actor(kind="system")
