"""`wardwatch doctor`: check an installation and say what to mend. Works where the rest of the program cannot start."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from service.cli.checks import checkup
from service.platform.settings import get_settings


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False) -> None:
    """Check the installation: each line is ok, or says what to mend. Fails when something is to be mended."""
    console = Console(soft_wrap=True, highlight=False)
    findings = []
    for finding in checkup(get_settings()):
        findings.append(finding)
        if not as_json:
            mark = Text("ok    " if finding.ok else "mend  ", style="green" if finding.ok else "bold red")
            remedy = "" if finding.ok else f" — {finding.remedy}"
            console.print(mark + Text(f"{finding.name}: {finding.detail}{remedy}", style=""))
    if as_json:
        rows = [asdict(finding) | {"remedy": "" if finding.ok else finding.remedy} for finding in findings]
        console.print(json.dumps(rows, ensure_ascii=False, indent=2), markup=False)
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)
