"""Who may: people with roles at facilities, sessions, and tokens of programs and devices."""

from service.access.actor import NOBODY, SYSTEM, Actor, Grant, Permission, Role
from service.access.device_digest import SignedBodies
from service.access.device_nonces import issue_nonce, nonce_issued_at
from service.access.device_repository import device_by_id, device_key, devices_at, faults_between, keys_of
from service.access.device_tables import Device, DeviceKey, PairingCode, SignatureFault
from service.access.devices import new_pairing_code, pair_device, revoke_device
from service.access.errors import (
    Forbidden,
    ForeignOrigin,
    LinkSpent,
    LoginRequired,
    TooManyAttempts,
    WrongCredentials,
)
from service.access.people import add_user, assign_ward, grant_role, named_user, set_active, set_password, ward_changes
from service.access.repository import all_users, grants_of, home_ward, tokens_at, ward_staff_of
from service.access.rules import (
    COOKIE,
    PUBLIC_ROUTES,
    FormGuard,
    Rule,
    allow,
    check_origin,
    clear_session_cookie,
    optional_actor,
    set_session_cookie,
)
from service.access.sessions import (
    NewSession,
    link_is_good,
    log_in,
    log_out,
    new_link,
    open_session,
    purge_job,
    use_link,
)
from service.access.tables import AccessToken, UserAccount
from service.access.tokens import new_token, revoke_token

__all__ = [
    "COOKIE",
    "NOBODY",
    "PUBLIC_ROUTES",
    "SYSTEM",
    "AccessToken",
    "Actor",
    "Device",
    "DeviceKey",
    "Forbidden",
    "ForeignOrigin",
    "FormGuard",
    "Grant",
    "LinkSpent",
    "LoginRequired",
    "NewSession",
    "PairingCode",
    "Permission",
    "Role",
    "Rule",
    "SignatureFault",
    "SignedBodies",
    "TooManyAttempts",
    "UserAccount",
    "WrongCredentials",
    "add_user",
    "all_users",
    "allow",
    "assign_ward",
    "check_origin",
    "clear_session_cookie",
    "device_by_id",
    "device_key",
    "devices_at",
    "faults_between",
    "grant_role",
    "grants_of",
    "home_ward",
    "issue_nonce",
    "keys_of",
    "link_is_good",
    "log_in",
    "log_out",
    "named_user",
    "new_link",
    "new_pairing_code",
    "new_token",
    "nonce_issued_at",
    "open_session",
    "optional_actor",
    "pair_device",
    "purge_job",
    "revoke_device",
    "revoke_token",
    "set_active",
    "set_password",
    "set_session_cookie",
    "tokens_at",
    "use_link",
    "ward_changes",
    "ward_staff_of",
]
