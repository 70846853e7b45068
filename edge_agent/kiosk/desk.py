"""One customer at a time: challenge, frames, verdict, and what happens without a server."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence

from edge_agent.errors import KioskRequestInvalid
from edge_agent.kiosk.answers import qr_of, shown, shown_offline
from edge_agent.kiosk.forms import (
    ChallengeOut,
    ClaimForm,
    DocumentsForm,
    FrameOut,
    PurchaseForm,
    ReviewOut,
    StateOut,
    VerdictOut,
)
from edge_agent.kiosk.link import ServerLink, Unreachable
from edge_agent.kiosk.offline import OfflinePurchase, decide_offline
from edge_agent.kiosk.settings import KioskSettings
from edge_agent.kiosk.store import KioskStore
from edge_agent.kiosk.visit import Visit, keep_to_the_order
from service.contracts import (
    DelegationClaim,
    DelegationClaimed,
    DocumentCheck,
    IdentityMethod,
    OfflineChecks,
    ProvisionalPurchase,
    PurchaseChallenge,
    PurchaseMeta,
    Verdict,
)
from service.kit.clock import Clock, system_clock
from service.kit.ids import new_id
from service.vision import ImageLimits, Pack, decode
from service.vision.liveness import (
    ASK,
    DEFAULT_POLICY,
    Advice,
    LivenessVerdict,
    PassiveModel,
    Turn,
    coach,
    judge_burst,
    pauses_for,
    turns_for,
)

HOLD = "hold"
"""Said between a turn that is taken and the next arrow."""
OFFLINE_SECONDS = 120
"""How long a challenge of the kiosk's own is good."""
FRAME_LIMITS = ImageLimits(max_bytes=2 * 1024 * 1024, max_pixels=2_100_000, max_side=2048)


class Desk:
    """What the page can ask for. Shared by the page's requests, which are served one after the other."""

    def __init__(
        self,
        settings: KioskSettings,
        link: ServerLink,
        store: KioskStore,
        pack: Pack,
        clock: Clock = system_clock,
        passive: PassiveModel | None = None,
    ) -> None:
        self._settings, self._link, self._store, self._pack, self._clock = settings, link, store, pack, clock
        self._passive = passive
        self._visit: Visit | None = None
        self._lock = threading.RLock()
        self._verifying = threading.Lock()
        self._online = False

    def state(self) -> StateOut:
        """For the page's corner, and for whoever looks after the kiosk."""
        copy, counts = self._store.copy(), self._store.counts()
        age = None if copy is None else max(0, int((self._clock.now() - copy.made_at).total_seconds()))
        return StateOut(
            online=self._online,
            cache_seconds=age,
            cache_usable=copy is not None and self._clock.now() < copy.use_until,
            waiting=counts.waiting,
            wrong=counts.wrong,
            aside=counts.refused + counts.aside,
            camera_ready=self._pack.mesh is not None,
            name=self._settings.name,
            language=self._settings.language,
            idle_seconds=self._settings.idle_seconds,
        )

    @property
    def has_passive(self) -> bool:
        """Whether a passive model looks on."""
        return self._passive is not None

    def begin(self) -> str:
        """Forget whoever was here; a new session."""
        with self._lock:
            self._visit = Visit(secrets.token_urlsafe(12))
            return self._visit.session

    def wipe(self) -> None:
        """Forget whoever was here."""
        with self._lock:
            self._visit = None

    def seen(self, online: bool) -> None:
        """What the courier or a call found out about the server."""
        self._online = online

    def challenge(self, session: str) -> ChallengeOut:
        """The server's challenge; without it, one of the kiosk's own."""
        visit = self._of(session)
        drawn: PurchaseChallenge | None = None
        try:
            drawn = self._link.challenge()
            self.seen(True)
        except Unreachable:
            self.seen(False)
        with self._lock:
            visit.challenge = drawn
            nonce = drawn.nonce if drawn else secrets.token_urlsafe(18)
            visit.turns = tuple(Turn(t) for t in drawn.turns) if drawn else turns_for(nonce)
            visit.pauses = pauses_for(nonce, len(visit.turns))
            seconds = OFFLINE_SECONDS
            if drawn is not None:
                seconds = max(1, int((drawn.expires_at - drawn.issued_at).total_seconds()))
            visit.until = time.monotonic() + seconds
            visit.ahead, visit.images, visit.times, visit.astray = None, [], [], 0
            visit.cue_at, visit.shown_at, visit.answered = 0.0, None, None
            return ChallengeOut(total=len(visit.turns), seconds=seconds, offline=drawn is None)

    def frame(self, session: str, data: bytes) -> FrameOut:
        """One preview frame: advice, and the frame itself when it shows the turn that is due. The next arrow comes
        after the pause that the challenge draws; a turn that is made before its arrow is no answer to it.

        Raises `KioskRequestInvalid` without a challenge or after it lapsed, `WrongTurn` for a turn that nobody asked
        for, `ImageError` for what is no picture.
        """
        visit, now = self._of(session), time.monotonic()
        if not visit.turns or now > visit.until:
            raise KioskRequestInvalid("the challenge has lapsed", field="challenge", remedy="draw a new one")
        total = len(visit.turns)
        if visit.is_whole:
            return FrameOut(advice=Advice.TAKEN.value, taken=total, total=total)
        frame = decode(data, FRAME_LIMITS, field="frame")
        due = visit.turns[len(visit.images)]
        coaching = coach(frame, due, visit.ahead, self._pack)
        with self._lock:
            is_shown = not visit.images or (
                visit.shown_at is not None and now - visit.shown_at >= DEFAULT_POLICY.reaction
            )
            keep_to_the_order(visit, coaching.seen, shown=is_shown)
            if now < visit.cue_at:
                return FrameOut(advice=HOLD, taken=len(visit.images), total=total)
            visit.shown_at = visit.shown_at or now
            advice = coaching.advice
            if advice is Advice.TAKEN and is_shown:
                visit.ahead = visit.ahead or coaching.pose
                visit.take(data, now)
            elif advice is Advice.TAKEN:
                advice = ASK[due]
            return FrameOut(advice=advice.value, taken=len(visit.images), total=total, due=due.value)

    def verify(self, session: str, form: PurchaseForm) -> VerdictOut:
        """The server's verdict on the burst; without it, the kiosk's own. Raises `KioskRequestInvalid`,
        `ServerRefused`."""
        with self._verifying:
            visit = self._of(session)
            if visit.answered is None:
                visit.answered = form, self._verified(visit, form)
            elif visit.answered[0] != form:
                raise KioskRequestInvalid("these turns were used", field="frames", remedy="draw a new challenge")
            return visit.answered[1]

    def _verified(self, visit: Visit, form: PurchaseForm) -> VerdictOut:
        if not visit.is_whole:
            raise KioskRequestInvalid("the turns are not complete", field="frames", remedy="follow the arrows")
        if visit.challenge is None:
            return self._offline(new_id(), form, visit, None)
        meta = self._meta(form, visit.challenge, visit.times)
        try:
            verdict = self._link.verify(meta, visit.images)
            self.seen(True)
        except Unreachable:
            self.seen(False)
            return self._offline(_offline_no(meta.request_id), form, visit, None)
        return shown(verdict)

    def documents(self, session: str, form: DocumentsForm) -> VerdictOut:
        """The manual path, open to everybody, at any moment."""
        visit = self._of(session)
        request_id = new_id()
        meta = PurchaseMeta(
            request_id=request_id,
            patient_no=form.patient_no,
            buyer=form.buyer,
            delegate_no=form.delegate_no,
            items=form.items,
            method=IdentityMethod.DOCUMENTS,
            documents=form.documents,
            kiosk=self._settings.kiosk,
        )
        try:
            verdict = self._link.verify(meta, ())
            self.seen(True)
        except Unreachable:
            self.seen(False)
            return self._offline(_offline_no(request_id), form, visit, form.documents)
        return shown(verdict)

    def claim(self, session: str, form: ClaimForm) -> DelegationClaimed:
        """Register a delegation for review. Raises `Unreachable`: that needs the server."""
        self._of(session)
        return self._link.claim(
            DelegationClaim(
                request_id=new_id(),
                patient_no=form.patient_no,
                delegate_no=form.delegate_no,
                delegate_name=form.delegate_name,
                relation=form.relation,
                documents=form.documents,
                valid_to=form.valid_to,
                uses_per_period=form.uses_per_period,
                period_days=form.period_days,
                drug_classes=form.drug_classes,
                kiosk=self._settings.kiosk,
            )
        )

    def review(self, session: str, review_id: str) -> ReviewOut:
        """How the manual review stands."""
        self._of(session)
        state = self._link.review(review_id)
        return ReviewOut(
            state=state.state,
            verdict=None if state.verdict is None else state.verdict.value,
            token=state.token,
            token_qr=qr_of(state.token),
            text_en=state.text_en,
            text_zh=state.text_zh,
        )

    def _of(self, session: str) -> Visit:
        with self._lock:
            if self._visit is None or not secrets.compare_digest(self._visit.session, session):
                raise KioskRequestInvalid("this visit is over", field="session", remedy="begin again")
            return self._visit

    def _meta(self, form: PurchaseForm, challenge: PurchaseChallenge, times: Sequence[float]) -> PurchaseMeta:
        return PurchaseMeta(
            paced=True,
            request_id=new_id(),
            patient_no=form.patient_no,
            buyer=form.buyer,
            delegate_no=form.delegate_no,
            items=form.items,
            challenge_id=challenge.challenge_id,
            nonce=challenge.nonce,
            frame_times=_since_first(times),
            kiosk=self._settings.kiosk,
        )

    def _offline(
        self, request_id: str, form: PurchaseForm, visit: Visit, documents: DocumentCheck | None
    ) -> VerdictOut:
        """Decided by the copy, told to the server when it is back."""
        liveness = None if documents is not None else self._liveness(visit)
        with self._store.at_once():
            return self._decided(request_id, form, visit, documents, liveness)

    def _decided(
        self,
        request_id: str,
        form: PurchaseForm,
        visit: Visit,
        documents: DocumentCheck | None,
        liveness: LivenessVerdict | None,
    ) -> VerdictOut:
        """In one transaction of the store: a use that is seen to be left is spent before anybody else looks."""
        now, copy = self._clock.now(), self._store.copy()
        method = IdentityMethod.FACE if documents is None else IdentityMethod.DOCUMENTS
        spent = self._store.spent(form.delegate_no, form.patient_no) if form.delegate_no is not None else 0
        asked = OfflinePurchase(form.patient_no, form.buyer, form.delegate_no, form.items, method, liveness, spent, now)
        decided = decide_offline(copy, asked)
        age = 0 if copy is None else max(0, int((now - copy.made_at).total_seconds()))
        purchase = ProvisionalPurchase(
            request_id=request_id,
            patient_no=form.patient_no,
            buyer=form.buyer,
            delegate_no=form.delegate_no,
            items=form.items,
            served_at=now,
            reasons=decided.reasons,
            checks=OfflineChecks(
                turns=tuple(turn.value for turn in visit.turns) if documents is None else (),
                liveness="not_tried" if liveness is None else liveness.value,
                cache_version="" if copy is None else copy.version,
                cache_age_seconds=min(age, 366 * 86_400),
            ),
            method=method,
            documents=documents,
            frame_times=_since_first(visit.times) if documents is None else None,
            # Only a sale is told to the server, and no till has a number for it.
            sale_no=f"offline-{request_id}"[:64],
            kiosk=self._settings.kiosk,
        )
        if decided.verdict is Verdict.PROVISIONAL:
            self._store.queue(purchase, visit.images if documents is None else (), spend=True)
        return shown_offline(request_id, decided, now)

    def _liveness(self, visit: Visit) -> LivenessVerdict:
        frames = [decode(image, FRAME_LIMITS, field="frame") for image in visit.images]
        judgement = judge_burst(
            frames, visit.turns, self._pack, frame_times=visit.times, passive=self._passive, pauses=visit.pauses
        )
        return judgement.verdict


def _offline_no(request_id: str) -> str:
    """Another number than the server was asked under: it may have heard and answered too late, and would take the same
    number with other contents for a mistake. By the ending it knows which of its answers nobody saw."""
    return f"{request_id}-offline"


def _since_first(times: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(at - times[0], 3) for at in times)
