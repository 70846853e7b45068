"""The OpenAPI document: what FastAPI makes of the routes, with our errors and who may call what."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from service.access import COOKIE, PUBLIC_ROUTES, Rule
from service.platform.problems import MEDIA_TYPE

_DESCRIPTION = """\
Wardwatch reads pictures of ward cameras and states, with evidence and coverage, whether admitted patients are in their
beds.

**Who may.** People log in (`POST /api/v1/sessions`) and send the session's cookie; with it, unsafe methods also send
`X-CSRF-Token` or come from our own pages. Programs and devices send `Authorization: Bearer <token>`. What lies at a
facility that the caller has no role at is answered with 404.

**Time.** Instants are RFC 3339 with an offset. `captured_at` (the device's clock) orders everything.

**Errors** are problem details (RFC 9457): `title`, `detail` and `remedy` are in the language of `Accept-Language`
(`en`, `zh`); `field` names the input at fault.
"""
_TAGS = [
    {"name": "access", "description": "Logging in and out."},
    {"name": "facilities", "description": "Hospitals, wards, beds, cameras and zones."},
    {"name": "admissions", "description": "Patients, admissions, leave and off-ward activity."},
    {"name": "enrolment", "description": "Consent and face references."},
    {"name": "sightings", "description": "Pictures in, bed readings out."},
    {"name": "occupancy", "description": "Presence checks, directed checks, in-bed rate."},
    {"name": "screening", "description": "Findings: suspicions with their facts, never verdicts."},
    {"name": "operation", "description": "Health and metrics."},
]
_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Stable: `/problems/<code>`."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "remedy": {"type": "string", "description": "What to do about it."},
        "field": {"type": "string", "description": "The input at fault: a dotted path, a column, a header."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
    },
    "examples": [
        {
            "type": "/problems/not-found",
            "title": "Not found",
            "status": 404,
            "detail": "there is no such thing",
            "remedy": "check the id and the facility",
            "instance": "/api/v1/findings/019a",
            "request_id": "019a5f3c2b7e7c3a9d1e4f5a6b7c8d9e",
        }
    ],
}
_MEANINGS = {
    "400": "The body cannot be read",
    "401": "Nobody is logged in",
    "403": "Not allowed, or sent from another site",
    "404": "It does not exist, or the caller may not know that it does",
    "413": "The body is too large",
    "422": "An input is not valid; `errors` names each",
}


def rule_of(route: RouteContext) -> Rule | None:
    """The rule among a route's dependencies, at any depth."""
    waiting = [route.dependant]
    while waiting:
        dependant = waiting.pop()
        if isinstance(dependant.call, Rule):
            return dependant.call
        waiting.extend(dependant.dependencies)
    return None


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `app`'s API routes."""
    spec = get_openapi(
        title="wardwatch",
        version=app.version,
        summary="Is the admitted patient in the bed?",
        description=_DESCRIPTION,
        routes=app.routes,
        tags=_TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    components = spec.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    components["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        "token": {"type": "http", "scheme": "bearer"},
    }
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute) and route.original_route.include_in_schema:
            for method in route.methods or ():
                operation = spec["paths"].get(route.path_format, {}).get(method.lower())
                if operation is not None:
                    _complete(operation, route, method)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for schema in schemas.values():
        for example in schema.get("examples", ()):
            _restore_nulls(example, schema, schemas)
    return spec


def _restore_nulls(example: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Puts back the nulls of required members, in place: FastAPI drops every null of the document it makes."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    for choice in schema.get("anyOf", ()):
        _restore_nulls(example, choice, schemas)
    if isinstance(example, list):
        for item in example:
            _restore_nulls(item, schema.get("items", {}), schemas)
    if isinstance(example, dict):
        for name, member in schema.get("properties", {}).items():
            if name in example:
                _restore_nulls(example[name], member, schemas)
            elif name in schema.get("required", ()) and {"type": "null"} in member.get("anyOf", ()):
                example[name] = None


def _complete(operation: dict[str, Any], route: RouteContext, method: str) -> None:
    rule = rule_of(route)
    statuses = {"400", "413"} if "requestBody" in operation else set()
    if rule is not None:
        statuses |= {"401", "403"}
    if operation.get("parameters") or "requestBody" in operation:
        statuses |= {"404", "422"}
    responses = operation.setdefault("responses", {})
    for status in sorted(statuses | {status for status in responses if status >= "400"}):
        told = responses.get(status, {})
        if status != "422" and told.get("content"):
            continue
        description = _MEANINGS["422"] if status == "422" else told.get("description") or _MEANINGS.get(status, "")
        responses[status] = {
            "description": description,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    if rule is None or (method, route.path_format) in PUBLIC_ROUTES:
        operation["security"] = []
        return
    operation["security"] = [{"session": []}, {"token": []}]
    if rule.permissions:
        names = ", ".join(f"`{permission.value}`" for permission in rule.permissions)
        operation["description"] = f"{operation.get('description', '')}\n\nNeeds {names}.".strip()
