"""A server of the version before: the contract as it was, word for word, and nothing that came later."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, ValidationError


class OldMeta(BaseModel):
    """It knew no statement and no clock offset."""

    model_config = ConfigDict(extra="forbid")

    camera_id: str
    captured_at: datetime
    sequence: int
    width: int | None = None
    height: int | None = None


class OldHeartbeat(BaseModel):
    """It knew no temperature, no captured, no offset."""

    model_config = ConfigDict(extra="forbid")

    camera_id: str
    clock: datetime
    spool_depth: int
    refused: int = 0
    dropped: dict[str, int] = {}
    versions: dict[str, str] = {}


class OldServer:
    """What it took. `refusals` counts what it did not understand."""

    def __init__(self) -> None:
        self.pictures: dict[int, bytes] = {}
        self.beats: list[OldHeartbeat] = []
        self.refusals = 0

    def app(self) -> FastAPI:
        """The application; `newer` fields of answers do not exist yet."""
        app = FastAPI()

        @app.exception_handler(RequestValidationError)
        async def refuse(_request: Request, error: RequestValidationError) -> JSONResponse:
            self.refusals += 1
            errors = [{"field": str(each["loc"][-1]), "message": each["msg"]} for each in error.errors()]
            first = errors[0]
            document = {"type": "/problems/invalid-input", "status": 422, "field": first["field"], "errors": errors}
            return JSONResponse(document | {"detail": f"{first['field']}: {first['message']}"}, 422)

        @app.post("/api/v1/snapshots", status_code=202)
        def post(image: UploadFile, meta: Annotated[str, Form()]) -> Any:
            try:
                message = OldMeta.model_validate_json(meta)
            except ValidationError as error:
                self.refusals += 1
                faults = error.errors()
                rest = "".join(f"; meta.{fault['loc'][-1]}: {fault['msg']}" for fault in faults[1:])
                document = {"type": "/problems/invalid-input", "status": 422, "detail": faults[0]["msg"] + rest}
                return JSONResponse(document | {"field": f"meta.{faults[0]['loc'][-1]}"}, 422)
            duplicate = message.sequence in self.pictures
            self.pictures[message.sequence] = image.file.read()
            return {"snapshot_id": f"{message.sequence:032x}", "duplicate": duplicate}

        @app.post("/api/v1/heartbeats")
        def beat(told: OldHeartbeat) -> Any:
            self.beats.append(told)
            return {"server_time": datetime.now(UTC).isoformat()}

        @app.get("/api/v1/devices/me/config")
        def config() -> Any:
            camera = {"camera_id": "1", "code": "cam1", "facility_code": "h", "ward_code": "w"}
            return {"version": "1", "cadence_seconds": 300, "camera": camera}

        return app
