"""What can be wrong with a purchase, a token, a delegation or a feed."""

from __future__ import annotations

from service.kit.errors import Conflict, InvalidInput, WardwatchError


class ChallengeUnknown(InvalidInput):
    """A challenge that was not drawn for this kiosk's pharmacy, or a nonce that is not its own."""

    code = "challenge-unknown"
    title_en = "The challenge is not known"
    title_zh = "核验任务不存在"


class ChallengeSpent(Conflict):
    """A challenge that another verification has used: a recorded burst does not work twice."""

    code = "challenge-spent"
    title_en = "The challenge was used already"
    title_zh = "核验任务已使用"


class ChallengeExpired(WardwatchError):
    """A challenge that took too long."""

    code = "challenge-expired"
    status = 410
    title_en = "The challenge has expired"
    title_zh = "核验任务已过期"


class RequestReused(Conflict):
    """One request id for two different purchases."""

    code = "request-reused"
    title_en = "This request id belongs to another purchase"
    title_zh = "该请求编号已用于另一笔购药"


class TokenInvalid(InvalidInput):
    """A token that was not signed here, was changed, has expired, or is for something else."""

    code = "purchase-token-invalid"
    title_en = "The purchase token is not good"
    title_zh = "购药凭证无效"


class TokenSpent(Conflict):
    """A token that was sold upon already."""

    code = "purchase-token-spent"
    title_en = "The purchase token was used already"
    title_zh = "购药凭证已使用"


class PurchaseStateRefused(Conflict):
    """A step that this purchase cannot take now."""

    code = "purchase-state"
    title_en = "The purchase cannot change like that"
    title_zh = "该笔购药当前不能这样变更"


class ReviewClosed(Conflict):
    """A review that somebody has decided, or whose time has passed."""

    code = "review-closed"
    title_en = "This review is closed"
    title_zh = "该复核已结束"


class DelegationRefused(Conflict):
    """A delegation, exemption or register that cannot be entered or decided like that."""

    code = "delegation-refused"
    title_en = "The register cannot be changed like that"
    title_zh = "登记信息不能这样变更"
