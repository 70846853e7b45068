"""One MLLP listener for several facilities: by MSH-4 and MSH-6, and by the client certificate who may speak for one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from service.admissions.errors import MessageRefused
from service.admissions.hl7.text import Message
from service.kit.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Route:
    """Messages from `sending` (MSH-4) to `receiving` (MSH-6) are about one facility; an empty one is any."""

    sending: str
    receiving: str
    facility_code: str

    def fits(self, sending: Collection[str], receiving: Collection[str]) -> bool:
        """Whether a message with these names is meant."""
        return (not self.sending or self.sending in sending) and (not self.receiving or self.receiving in receiving)


@dataclass(frozen=True, slots=True)
class Routes:
    """Where messages go. `clients`: name in a client's certificate -> codes it may speak for; None: no certificates."""

    routes: tuple[Route, ...]
    clients: Mapping[str, frozenset[str]] | None = field(default=None)

    @property
    def facility_codes(self) -> tuple[str, ...]:
        """Codes of the facilities that messages may be about."""
        return tuple(sorted({route.facility_code for route in self.routes}))

    def facility_of(self, message: Message, names: Collection[str]) -> str:
        """The code of the facility that the message is about; `names` are those of the sender's certificate.

        Of several routes that fit, the one that names both fields holds, then the one that names MSH-4. Raises
        `MessageRefused` for a sender that no route names, and for one that may not speak for the facility.
        """
        sending, receiving = _names(message, 4), _names(message, 6)
        fitting = [route for route in self.routes if route.fits(sending, receiving)]
        if not fitting:
            raise _unknown(sending, receiving)
        code = max(fitting, key=lambda route: (bool(route.sending), bool(route.receiving))).facility_code
        if self.clients is not None and not any(code in self.clients.get(name, frozenset()) for name in names):
            raise _not_theirs(names, sending)
        return code


def parse_routes(texts: Sequence[str]) -> tuple[Route, ...]:
    """Routes as written: `SENDING=CODE`, `SENDING/RECEIVING=CODE`, `/RECEIVING=CODE`. Raises `InvalidInput`."""
    found: dict[tuple[str, str], Route] = {}
    for text in texts:
        names, equals, code = text.rpartition("=")
        sending, _, receiving = names.partition("/")
        key = sending.strip(), receiving.strip()
        if not equals or not code.strip() or not any(key):
            raise InvalidInput(
                f"{text[:80]!r} maps nothing",
                field="map",
                remedy="write SENDING=CODE, SENDING/RECEIVING=CODE or /RECEIVING=CODE: MSH-4, MSH-6, our facility",
            )
        if key in found and found[key].facility_code != code.strip():
            raise InvalidInput(f"{names[:80]!r} is mapped twice", field="map", remedy="keep one of the two")
        found[key] = Route(*key, code.strip())
    return tuple(found.values())


def parse_clients(texts: Sequence[str]) -> dict[str, frozenset[str]]:
    """Certificates as written, `NAME=CODE` or `NAME=CODE,CODE`: names by facility codes. Raises `InvalidInput`."""
    found: dict[str, frozenset[str]] = {}
    for text in texts:
        name, equals, codes = text.rpartition("=")
        wanted = frozenset(code.strip() for code in codes.split(",") if code.strip())
        if not equals or not name.strip() or not wanted:
            raise InvalidInput(
                f"{text[:80]!r} binds no certificate",
                field="tls_client",
                remedy="write NAME=CODE: the certificate's common name or DNS name, and our facility",
            )
        found[name.strip()] = found.get(name.strip(), frozenset()) | wanted
    return found


def certificate_names(certificate: Mapping[str, object] | None) -> frozenset[str]:
    """Common and DNS names of a peer's certificate, as `ssl.SSLSocket.getpeercert` tells it."""
    names: set[str] = set()
    subject = (certificate or {}).get("subject", ())
    for part in subject if isinstance(subject, tuple) else ():
        names |= {str(value) for key, value in part if key == "commonName"}
    others = (certificate or {}).get("subjectAltName", ())
    for kind, value in others if isinstance(others, tuple) else ():
        if kind == "DNS":
            names.add(str(value))
    return frozenset(names)


def _names(message: Message, place: int) -> tuple[str, ...]:
    """The namespace id and the universal id of MSH-4 or MSH-6."""
    return tuple(filter(None, (message.header.text(place, 1), message.header.text(place, 2))))


def _unknown(sending: Sequence[str], receiving: Sequence[str]) -> MessageRefused:
    said = "^".join(sending)[:64] or "nobody"
    to = "^".join(receiving)[:64]
    return MessageRefused.at(
        "MSH-4",
        f"the sending facility {said!r} (to {to!r} in MSH-6) is not known here",
        "send the agreed name in MSH-4; or let the operator add --map to the listener and claim the message",
        f"未知的发送机构 {said!r}",
        "请在 MSH-4 填写约定的名称；或由运维为监听增加 --map 后认领该消息",
        code=204,
    )


def _not_theirs(names: Collection[str], sending: Sequence[str]) -> MessageRefused:
    who = ", ".join(sorted(names))[:64] or "without a name"
    return MessageRefused.at(
        "MSH-4",
        f"the certificate of {who} may not speak for {'^'.join(sending)[:64]!r}",
        "use the facility's own certificate; or let the operator add --tls-client to the listener",
        f"证书 {who} 无权代表该机构发送",
        "请使用该机构自己的证书；或由运维增加 --tls-client",
        code=204,
    )
