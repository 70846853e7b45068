"""What an operator watches. Labels never hold a person, a bed or a picture."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def counter(name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
    """A counter named `wardwatch_<name>`; the name ends in `_total`."""
    return Counter(f"wardwatch_{name}", documentation, labels, registry=REGISTRY)


def gauge(name: str, documentation: str, labels: Sequence[str] = ()) -> Gauge:
    """A gauge named `wardwatch_<name>`."""
    return Gauge(f"wardwatch_{name}", documentation, labels, registry=REGISTRY)


def histogram(name: str, documentation: str, labels: Sequence[str] = ()) -> Histogram:
    """A histogram of seconds named `wardwatch_<name>`; the name ends in `_seconds`."""
    return Histogram(f"wardwatch_{name}", documentation, labels, buckets=_SECONDS, registry=REGISTRY)


requests_total = counter("http_requests_total", "Requests answered", ("method", "route", "status"))
request_seconds = histogram("http_request_seconds", "Time from request to the end of its answer", ("method", "route"))
jobs_total = counter("jobs_total", "Attempts at jobs, by how they ended: done, retried, failed", ("kind", "result"))
job_seconds = histogram("job_seconds", "Time of one attempt at a job", ("kind",))
jobs_queued = gauge("jobs_queued", "Jobs in the table, by state: queued, running, failed", ("kind", "state"))
logins_total = counter("logins_total", "Attempts to log in, by result: done, refused, locked", ("result",))


def exposition() -> bytes:
    """Everything, in Prometheus' text format."""
    return generate_latest(REGISTRY)
