"""The OpenAPI document: complete, self-consistent, with examples that fit."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.access import Permission
from service.operation.openapi import document
from service.platform.context import Context
from tests.builders import bearer, create_facility, create_token


@pytest.fixture
def spec(app: FastAPI) -> dict[str, Any]:
    return document(app)


def test_the_document_is_for_those_who_are_logged_in(client: TestClient, context: Context) -> None:
    assert client.get("/api/openapi.json").status_code == 401
    with context.database.transaction() as session:
        secret = create_token(session, create_facility(session), [Permission.CONFIG_READ])
    answer = client.get("/api/openapi.json", headers=bearer(secret))
    assert answer.json()["info"]["title"] == "wardwatch"
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404


def test_the_calls_that_devices_and_clients_rely_on_are_there(spec: dict[str, Any]) -> None:
    for method, path in (
        ("post", "/api/v1/snapshots"),
        ("get", "/api/v1/devices/me/config"),
        ("post", "/api/v1/imports/census"),
        ("post", "/api/v1/patients/{patient_no}/enrolments"),
        ("get", "/api/v1/in-bed-rate"),
        ("get", "/api/v1/wards/{ward_id}/board"),
        ("get", "/api/v1/findings"),
    ):
        assert method in spec["paths"][path]


def test_errors_are_problems_and_frameworks_own_are_gone(spec: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(spec)
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            for status, response in operation["responses"].items():
                if status.startswith("4"):
                    assert "application/problem+json" in response.get("content", {}), (method, path, status)


def test_every_reference_resolves(spec: dict[str, Any]) -> None:
    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            own = {str(node["$ref"])} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(value) for value in node.values()))
        return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()

    known = {f"#/components/schemas/{name}" for name in spec["components"]["schemas"]}
    assert references(spec) - known == set()


def test_every_json_body_has_an_example(spec: dict[str, Any]) -> None:
    without = []
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            media = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if media is not None and not _schema(spec, media["schema"]).get("examples") and "example" not in media:
                if not media.get("examples"):
                    without.append(f"{method} {path}")
    assert without == []


def test_every_example_fits_its_schema(spec: dict[str, Any]) -> None:
    wrong = []
    for name, schema in spec["components"]["schemas"].items():
        for example in schema.get("examples", []):
            whole = {"$ref": f"#/components/schemas/{name}", "components": spec["components"]}
            validator = jsonschema_rs.Draft202012Validator(whole)
            wrong += [f"{name}: {error.message}" for error in validator.iter_errors(example)]
    assert wrong == []


def _schema(spec: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return found
    return schema
