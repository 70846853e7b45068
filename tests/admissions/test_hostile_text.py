"""Twenty bytes that would become gigabytes: commands of HL7 text, numbers copied into references."""

from __future__ import annotations

import pytest

from service.admissions.fhir.intake import _full_urls
from service.admissions.hl7.text import read_message

HEAD = "MSH|^~{escape}&|HIS|H|WW|W|20260302080000||ADT^A01|{control}|P|2.5\rEVN|A01|20260302080000\r"


@pytest.mark.parametrize("escape", ["\\", "!"])
@pytest.mark.parametrize("command", [".sp20000000", ".sk20000000", ".in20000000", ".ti-3"])
def test_commands_that_repeat_are_one_blank(escape: str, command: str) -> None:
    control = f"A{escape}{command}{escape}B"
    message = read_message(HEAD.format(escape=escape, control=control).encode())
    assert message.header.text(10) == "A B"


def test_a_number_that_is_none_is_not_copied_into_references() -> None:
    def entry(value: str) -> dict[str, object]:
        return {"fullUrl": "urn:uuid:1", "resource": {"identifier": [{"value": value}]}}

    assert _full_urls([entry("P1")]) == {"urn:uuid:1": "P1"}
    assert _full_urls([entry("P" * 100_000)]) == {}
