"""The API of the pharmacy: kiosks, tills, the manual queue; registers and feeds are in files of their own."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Header, Path, Response, UploadFile

from service.access import Actor, Permission, allow
from service.contracts import (
    ChallengeRequest,
    DelegationClaim,
    DelegationClaimed,
    KioskCache,
    ProvisionalPurchase,
    PurchaseChallenge,
    PurchaseMeta,
    PurchaseVerdict,
    Reconciliation,
    ReviewState,
    read_message,
)
from service.contracts.purchases import MAX_IMAGES
from service.facilities import event_now
from service.kit.errors import InvalidInput
from service.pharmacy.challenges import draw
from service.pharmacy.claims import claim_delegation
from service.pharmacy.endpoints_feeds import router as feeds
from service.pharmacy.endpoints_policies import router as policies
from service.pharmacy.endpoints_registers import router as registers
from service.pharmacy.endpoints_sales import router as sales
from service.pharmacy.offline import kiosk_cache, reconcile
from service.pharmacy.policies import purchase_policy
from service.pharmacy.reviews import review_for, state_of
from service.pharmacy.signing import public_keys
from service.pharmacy.sites import kiosk_facility
from service.pharmacy.verify import verify_purchase
from service.platform.context import Context
from service.platform.http import ContextDep, ReadSession, WriteSession

router = APIRouter(prefix="/api/v1", tags=["pharmacy"])
router.include_router(registers)
router.include_router(policies)
router.include_router(sales)
router.include_router(feeds)

Kiosk = Annotated[Actor, allow(Permission.PURCHASES_VERIFY)]
Images = Annotated[list[UploadFile] | None, File(description="JPEG, PNG or WebP, in order; at most 10.")]
Meta = Annotated[str, Form(max_length=20_000, description="JSON: PurchaseMeta.")]


@router.post("/purchase-challenges", status_code=201, summary="Draw head turns for one burst")
def post_challenge(
    body: ChallengeRequest, actor: Kiosk, context: ContextDep, session: WriteSession
) -> PurchaseChallenge:
    """Turns that nobody could know before, good once and for a short time. It names nobody."""
    facility = kiosk_facility(session, actor)
    now = context.clock.now()
    row = draw(session, facility, actor, purchase_policy(session, facility, event_now(facility, now)), now)
    return PurchaseChallenge(
        challenge_id=row.id,
        nonce=row.nonce,
        turns=tuple(row.turns),
        issued_at=row.issued_at,
        expires_at=row.expires_at,
        frames=len(row.turns),
    )


@router.post(
    "/purchase-verifications",
    summary="May this buyer buy for that patient?",
    responses={
        409: {"description": "The challenge was used, or the request id belongs to another purchase."},
        410: {"description": "The challenge has expired."},
        413: {"description": "Too many bytes or pixels."},
        415: {"description": "Not a picture."},
    },
)
def post_verification(actor: Kiosk, context: ContextDep, meta: Meta, images: Images = None) -> PurchaseVerdict:
    """The verdict with every reason that applies, and a token if it may be sold. Sent twice, it has one answer."""
    message = read_message(PurchaseMeta, meta, field="meta")
    return verify_purchase(context, actor, message, _read(context, images))


@router.get("/purchase-reviews/{review_id}/state", summary="What became of a manual review")
def read_review_state(
    review_id: Annotated[str, Path(max_length=32)], actor: Kiosk, context: ContextDep, session: ReadSession
) -> ReviewState:
    """For the kiosk that waits: asked every few seconds, it says when somebody has decided, or nobody did in time."""
    review = review_for(session, actor, Permission.PURCHASES_VERIFY, review_id)
    return state_of(context, session, review)


@router.get(
    "/kiosks/me/cache",
    summary="What a kiosk may keep for when the network fails",
    responses={304: {"description": "Nothing has changed since the version in If-None-Match."}},
)
def read_cache(
    actor: Kiosk,
    context: ContextDep,
    session: ReadSession,
    response: Response,
    if_none_match: Annotated[str | None, Header(max_length=200)] = None,
) -> KioskCache:
    """Delegations of this pharmacy's customers and hashed holds. To be kept encrypted; its age is to be shown."""
    found = kiosk_cache(context, session, actor)
    etag = f'"{found.version}"'
    if if_none_match is not None and etag in if_none_match:
        return Response(status_code=304, headers={"ETag": etag})  # type: ignore[return-value]
    response.headers["ETag"] = etag
    return found


@router.post("/purchase-reconciliations", summary="Report a purchase that was made without the network")
def post_reconciliation(
    actor: Kiosk,
    context: ContextDep,
    meta: Annotated[str, Form(max_length=20_000, description="JSON: ProvisionalPurchase.")],
    images: Images = None,
) -> Reconciliation:
    """What the server would have said at the time. Where it would not have agreed, a finding says so."""
    message = read_message(ProvisionalPurchase, meta, field="meta")
    return reconcile(context, actor, message, _read(context, images))


@router.post("/delegation-claims", status_code=201, summary="Register a delegation at the kiosk, for review")
def post_claim(body: DelegationClaim, actor: Kiosk, context: ContextDep, session: WriteSession) -> DelegationClaimed:
    """Lawful proxies are not sent away: what they show is kept for a person to decide. The same claim twice is one."""
    return claim_delegation(session, actor, body, context.clock.now())


@router.get("/purchase-keys", summary="Public keys of purchase tokens")
def read_keys(context: ContextDep) -> dict[str, Any]:
    """A JWK set. With it a till checks tokens without a network; see `wardwatch tokens verify`."""
    return public_keys(context.keys)


def _read(context: Context, images: list[UploadFile] | None) -> list[bytes]:
    sent = images or []
    if len(sent) > MAX_IMAGES:
        raise InvalidInput(
            f"{len(sent)} images are more than {MAX_IMAGES}",
            field="images",
            remedy=f"send at most {MAX_IMAGES} frames",
            message_zh=f"图像超过 {MAX_IMAGES} 帧",
            remedy_zh=f"最多发送 {MAX_IMAGES} 帧",
        )
    return [image.file.read(context.settings.max_image_bytes + 1) for image in sent]
