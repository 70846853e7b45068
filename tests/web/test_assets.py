"""The pages' own files are kept by browsers exactly as long as they are the same."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.web.assets import FOLDER, Assets, asset_url

app = FastAPI()
app.mount("/static", Assets())
client = TestClient(app)


def test_a_versioned_address_may_be_kept_for_a_year() -> None:
    for path in FOLDER.iterdir():
        answer = client.get(asset_url(path.name))
        assert answer.status_code == 200, path
        assert answer.content == path.read_bytes()
        assert "immutable" in answer.headers["Cache-Control"]


def test_an_address_with_another_version_must_be_asked_again() -> None:
    assert client.get("/static/tokens.css").headers["Cache-Control"] == "no-cache"
    assert client.get("/static/tokens.css?v=old").headers["Cache-Control"] == "no-cache"


def test_nothing_outside_the_folder_is_served() -> None:
    for path in ("/static/../texts.py", "/static/%2e%2e/texts.py", "/static/..%2ftexts.py", "/static/nothing.css"):
        assert client.get(path).status_code == 404, path


def test_no_file_names_another_server() -> None:
    for path in FOLDER.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, path
        assert "https://" not in text, path
