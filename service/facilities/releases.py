"""Releases of the agent: added by an operator, offered to boxes in their configuration, fetched by them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import or_
from sqlmodel import Session, col, select

from service import ledger
from service.contracts.releases import MAX_BYTES, ReleaseOffer, is_release_signed, read_bundle_head, version_order
from service.facilities.release_tables import AgentRelease
from service.facilities.tables import Camera
from service.kit.errors import InvalidInput, NotFound
from service.platform.context import Context

PATH = "/api/v1/devices/me/releases/"


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is offered a release: every box, a facility's, or one camera's."""

    facility_id: str | None = None
    camera_id: str | None = None


def add_release(
    context: Context, path: Path, public_key: str, audience: Audience, *, actor: str, now: datetime
) -> AgentRelease:
    """Keeps the bundle at `path` and offers it from now on. `public_key`: of the release key, 32 bytes in Base64.

    Raises `InvalidInput` for what no box would take.
    """
    head = read_bundle_head(path)
    manifest = head.manifest
    try:
        key = base64.b64decode(public_key, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not is_release_signed(manifest.version, manifest.platform, head.manifest_sha256, head.signature, key):
        raise InvalidInput(
            "the bundle's signature is not of this release key",
            field="key",
            remedy="give the public half that stands on the boxes, and the bundle as it was released",
        )
    if path.stat().st_size > MAX_BYTES:
        raise InvalidInput("the bundle is too large", field="bundle", remedy=f"at most {MAX_BYTES} bytes")
    data = path.read_bytes()
    release = AgentRelease(
        version=manifest.version,
        platform=manifest.platform,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        manifest_sha256=head.manifest_sha256,
        signature=head.signature,
        blob_key=context.blobs.put(data),
        facility_id=audience.facility_id,
        camera_id=audience.camera_id,
        added_by=actor,
        added_at=now,
    )
    try:
        with context.database.transaction() as session:
            session.add(release)
            session.flush()
            _write_down(session, release, "offered", actor, now)
    except BaseException:
        context.blobs.delete(release.blob_key)
        raise
    return release


def withdraw_release(session: Session, release_id: str, *, actor: str, now: datetime) -> AgentRelease:
    """Offers it no longer; boxes that have it keep it. Raises `NotFound`."""
    release = session.get(AgentRelease, release_id) if release_id.isprintable() else None
    if release is None:
        raise NotFound("no such release", field="release", remedy="wardwatch releases ls")
    if release.withdrawn_at is None:
        release.withdrawn_at = now
        session.add(release)
        _write_down(session, release, "withdrawn", actor, now)
    return release


def all_releases(session: Session) -> tuple[AgentRelease, ...]:
    """Those withdrawn too, the newest first."""
    return tuple(session.exec(select(AgentRelease).order_by(col(AgentRelease.added_at).desc())))


def offers_to(session: Session, camera: Camera) -> tuple[ReleaseOffer, ...]:
    """The newest version for each platform that the camera's box may fetch."""
    newest: dict[str, AgentRelease] = {}
    for release in _open_to(session, camera):
        known = newest.get(release.platform)
        if known is None or version_order(release.version) > version_order(known.version):
            newest[release.platform] = release
    return tuple(
        ReleaseOffer(
            version=release.version,
            platform=release.platform,
            sha256=release.sha256,
            size=release.size,
            manifest_sha256=release.manifest_sha256,
            signature=release.signature,
            path=PATH + release.id,
        )
        for _, release in sorted(newest.items())
    )


def offered_release(session: Session, camera: Camera, release_id: str) -> AgentRelease:
    """The release, if it is open to the camera's box. Raises `NotFound`."""
    found = next((release for release in _open_to(session, camera) if release.id == release_id), None)
    if found is None:
        raise NotFound(
            "no such release is offered to this device",
            field="release_id",
            remedy="fetch the configuration again",
            message_zh="没有向该设备提供此版本",
            remedy_zh="请重新获取设备配置",
        )
    return found


def _open_to(session: Session, camera: Camera) -> tuple[AgentRelease, ...]:
    release = AgentRelease
    query = select(release).where(
        col(release.withdrawn_at).is_(None),
        or_(col(release.facility_id).is_(None), col(release.facility_id) == camera.facility_id),
        or_(col(release.camera_id).is_(None), col(release.camera_id) == camera.id),
    )
    return tuple(session.exec(query.order_by(col(release.added_at))))


def _write_down(session: Session, release: AgentRelease, action: str, actor: str, now: datetime) -> None:
    ledger.append(
        session,
        clock_now=now,
        kind="audit",
        actor=actor,
        action=f"release.{action}",
        object_kind="agent_release",
        object_id=release.id,
        facility_id=release.facility_id,
        details={"version": release.version, "platform": release.platform, "sha256": release.sha256},
    )
