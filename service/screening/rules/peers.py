"""Rules that compare a ward, a bed, a camera or a person with its peers: `excuse_inflation`, `exemption_rate`,
`late_signed_leave`, `alternative_inflation`, `selective_blindness`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from service.kit.statistics import wilson
from service.screening.facts import Fact, Suspicion
from service.screening.place_facts import PeerFacts, PersonFacts, Share

EXCUSES, EXEMPTIONS, LATE_LEAVES = "excuse_inflation", "exemption_rate", "late_signed_leave"
ALTERNATIVE, BLINDNESS = "alternative_inflation", "selective_blindness"


@dataclass(frozen=True, slots=True)
class AboveParameters:
    """Wilson's lower bound of the subject's share above the peers' percentile, with enough of both (domain, 3)."""

    trials: int = 30
    hits: int = 3
    """One or two are no pattern, also where the peers have none at all."""
    peers: int = 3
    percentile: float = 0.95
    ratio: float = 1.5
    """And that much above the peers' median: significant is not yet large."""


@dataclass(frozen=True, slots=True)
class ConfirmationParameters:
    """Domain, section 3: more than 2 finds in a row of one patient by one person call for another verifier."""

    above: AboveParameters = AboveParameters(ratio=2.0)
    in_a_row: int = 2
    contradicted: int = 1


@dataclass(frozen=True, slots=True)
class BlindnessParameters:
    """A one-sided binomial test against the peers' pooled share, corrected for the number of subjects tested."""

    alpha: float = 0.001
    ratio: float = 3.0
    blind: int = 4
    peers: int = 2


def excuse_inflation(facts: PeerFacts, parameters: AboveParameters) -> Suspicion | None:
    """Fires on a ward whose leaves, activities and exemptions excuse far more checks than those of its peers."""
    return _above(EXCUSES, "excuses", facts, parameters)


def late_signed_leave(facts: PeerFacts, parameters: AboveParameters) -> Suspicion | None:
    """Fires on a ward of whose leaves far more were signed after they had begun than of its peers'."""
    return _above(LATE_LEAVES, "late_leaves", facts, parameters)


def exemption_rate(facts: PeerFacts, parameters: AboveParameters) -> Suspicion | None:
    """Fires on a ward with far more exempt patients than wards of its specialty."""
    return _above(EXEMPTIONS, "exemptions", facts, parameters)


def confirmation_rate(facts: PeerFacts, parameters: ConfirmationParameters) -> Suspicion | None:
    """Fires on a person who confirms far more of the requests than colleagues do."""
    return _above(ALTERNATIVE, "confirmations", facts, parameters.above)


def _above(rule: str, measure: str, facts: PeerFacts, parameters: AboveParameters) -> Suspicion | None:
    if facts.measure != measure or facts.own.trials < parameters.trials or facts.own.hits < parameters.hits:
        return None
    peers = [peer for peer in facts.peers if peer.trials >= parameters.trials]
    if len(peers) < parameters.peers:
        return None
    limit = percentile([peer.value for peer in peers], parameters.percentile)
    median = percentile([peer.value for peer in peers], 0.5)
    low, _ = wilson(facts.own.hits, facts.own.trials)
    if low <= limit or facts.own.value < parameters.ratio * median:
        return None
    return Suspicion(
        rule=rule,
        variant=measure,
        event_at=facts.until,
        facts=(
            Fact("share", round(facts.own.value, 4)),
            Fact("share_low", round(low, 4), round(limit, 4)),
            Fact("peers_median", round(median, 4)),
            Fact("hits", facts.own.hits),
            Fact("trials", facts.own.trials, parameters.trials),
            Fact("peers", len(peers), parameters.peers),
            Fact("near_checks", facts.near_checks),
        ),
        evidence_ids=(),
    )


def alternative_inflation(facts: PersonFacts, parameters: ConfirmationParameters) -> Suspicion | None:
    """Fires when a second verifier contradicted a person's finds, or asks for one after several finds in a row."""
    wrong = [look for look in facts.confirmations if look.contradicted]
    if len(wrong) >= parameters.contradicted:
        return Suspicion(
            rule=ALTERNATIVE,
            variant="contradicted",
            event_at=wrong[parameters.contradicted - 1].at,
            facts=(
                Fact("contradicted", len(wrong), parameters.contradicted),
                Fact("confirmations", len(facts.confirmations)),
                Fact("admissions", sorted({look.admission_no for look in wrong})),
            ),
            evidence_ids=tuple(look.look_id for look in wrong),
        )
    if facts.longest_run <= parameters.in_a_row or facts.run_at is None:
        return None
    return Suspicion(
        rule=ALTERNATIVE,
        variant="in_a_row",
        event_at=facts.run_at,
        facts=(
            Fact("in_a_row", facts.longest_run, parameters.in_a_row),
            Fact("confirmations", len(facts.confirmations)),
            Fact("admissions", [facts.run_admission_no]),
        ),
        evidence_ids=facts.run_ids,
    )


def selective_blindness(facts: PeerFacts, parameters: BlindnessParameters) -> Suspicion | None:
    """Fires on a bed or camera that is blind at checks, or at night, more often than chance and its peers explain."""
    if facts.measure not in ("blind_checks", "blind_nights") or facts.own.hits < parameters.blind:
        return None
    peers = [peer for peer in facts.peers if peer.trials]
    if len(peers) < parameters.peers:
        return None
    pooled = _pooled(peers)
    chance = binomial_tail(facts.own.hits, facts.own.trials, pooled)
    limit = parameters.alpha / max(facts.subjects_tested, 1)
    if chance >= limit or facts.own.value < parameters.ratio * pooled:
        return None
    return Suspicion(
        rule=BLINDNESS,
        variant=facts.measure,
        event_at=facts.until,
        facts=(
            Fact("blind", facts.own.hits, parameters.blind),
            Fact("trials", facts.own.trials),
            Fact("share", round(facts.own.value, 4)),
            Fact("peers_share", round(pooled, 4)),
            Fact("chance", float(f"{chance:.3g}"), float(f"{limit:.3g}")),
            Fact("peers", len(peers), parameters.peers),
        ),
        evidence_ids=(),
    )


def _pooled(peers: Sequence[Share]) -> float:
    """The peers' share with one more blind time than was counted: peers that were never blind prove no zero."""
    hits, trials = sum(peer.hits for peer in peers), sum(peer.trials for peer in peers)
    return (hits + 1) / (trials + 2)


def percentile(values: Sequence[float], share: float) -> float:
    """The percentile by linear interpolation between closest ranks. Raises `ValueError` on nothing."""
    if not values:
        raise ValueError("a percentile of nothing")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def binomial_tail(hits: int, trials: int, probability: float) -> float:
    """P(X >= hits) of a binomial variable, summed in logarithms. `probability` in (0, 1)."""
    if hits <= 0:
        return 1.0
    if not 0.0 < probability < 1.0:
        return 0.0 if probability <= 0.0 else 1.0
    log_p, log_q = math.log(probability), math.log1p(-probability)
    whole = math.lgamma(trials + 1)
    return min(
        1.0,
        sum(
            math.exp(whole - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * log_p + (trials - k) * log_q)
            for k in range(hits, trials + 1)
        ),
    )
