"""Pairs this device with a server, and changes its key without a pause."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.device_key import DeviceKey, public_text
from edge_agent.errors import KeyUnusable, PairingFailed
from edge_agent.logs import one_line
from edge_agent.signing import SigningAuth
from service.contracts import KeyAccepted, KeyRequest, PairAccepted, PairRequest, read_message
from service.kit.errors import InvalidInput

PAIR_PATH = "/api/v1/devices/pair"
KEYS_PATH = "/api/v1/devices/me/keys"


def pair(client: httpx.Client, server: str, code: str, path: Path, versions: dict[str, str]) -> PairAccepted:
    """Make a key, show the server its public half with `code`, and keep the private half in `path`.

    Raises `PairingFailed`, or `KeyUnusable` when `path` is taken: a key that is in use is not written over.
    """
    if path.exists():
        raise KeyUnusable(f"{path} exists already", field="key_file", remedy="name another file, or remove that one")
    private = Ed25519PrivateKey.generate()
    try:
        wanted = PairRequest(code=code, public_key=public_text(private), versions=versions)
    except ValueError:
        raise PairingFailed("that is no pairing code", field="code", remedy="it has eight letters or digits") from None
    answer = _post(client, server + PAIR_PATH, wanted.model_dump_json())
    accepted = read_message(PairAccepted, answer)
    key = DeviceKey(accepted.device_id, accepted.key_id, accepted.kind, accepted.name, accepted.camera_code, private)
    key.save(path)
    return accepted


def rotate(client: httpx.Client, server: str, auth: SigningAuth, path: Path) -> KeyAccepted:
    """Give the device a new key. Both are good for a while, so that nothing under way fails. Raises `PairingFailed`.

    The new key lies beside the old one (`.next`) before the server hears of it: a power cut in between is taken up
    again with the same key.
    """
    old = auth.key
    pending = path.with_name(path.name + ".next")
    private = DeviceKey.load(pending).private if pending.exists() else Ed25519PrivateKey.generate()
    old.with_new(old.key_id, private).save(pending)
    public = public_text(private)
    proof = private.sign(f"wardwatch-key/1\n{old.device_id}\n{public}".encode())
    wanted = KeyRequest(public_key=public, proof=base64.b64encode(proof).decode())
    accepted = read_message(KeyAccepted, _post(client, server + KEYS_PATH, wanted.model_dump_json(), auth))
    new = old.with_new(accepted.key_id, private)
    new.save(path)
    pending.unlink(missing_ok=True)
    auth.use(new)
    return accepted


def _post(client: httpx.Client, url: str, body: str, auth: SigningAuth | None = None) -> bytes:
    try:
        response = client.post(
            url, content=body, headers={"Content-Type": "application/json"}, auth=auth or httpx.USE_CLIENT_DEFAULT
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise PairingFailed(
            one_line(f"{type(error).__name__}: {error}"), field="server", remedy="look at --server and the network"
        ) from None
    if response.status_code != 201:
        raise PairingFailed(f"{response.status_code} {_words(response)}", remedy="see the server's words")
    return response.content


def _words(response: httpx.Response) -> str:
    try:
        problem = json.loads(response.content[:65536])
        return one_line("; ".join(str(problem[name]) for name in ("title", "detail", "remedy") if problem.get(name)))
    except (ValueError, TypeError, AttributeError, InvalidInput):
        return "not the words of a wardwatch server"
