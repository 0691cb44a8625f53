#!/usr/bin/env python3
"""Holds every package of requirements/*.txt against a list of known vulnerabilities, by way of pip-audit: `make audit`.

pip-audit passes over a package that the list does not know or that it cannot ask about, and ends well all the same. Here that is an
answer of its own, so that "nothing found" always means that every package was asked about. Versions that a lock names for other systems
or Pythons are asked about too. What is given on the command line goes to pip-audit (`--vulnerability-service osv`, `--ignore-vuln ID`).

Exit codes: 0 nothing is known against any package; 1 something is; 2 some or all could not be asked about.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PIP_AUDIT = ROOT / ".venv-audit" / "bin" / "pip-audit"

_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)


def pinned(*locks: str) -> set[tuple[str, str]]:
    """The names and versions that lock files pin, whatever system they are meant for."""
    return {(name.lower(), version) for lock in locks for name, version in _PINNED.findall(lock)}


def rounds(packages: set[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """The same in lists that name no package twice, which pip-audit refuses."""
    found: list[dict[str, str]] = []
    for name, version in sorted(packages):
        place = next((one for one in found if name not in one), None)
        if place is None:
            found.append(place := {})
        place[name] = version
    return [sorted(one.items()) for one in found]


def verdict(packages: set[tuple[str, str]], reports: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """The exit code, and what to say.

    Args:
        packages: what was to be asked about.
        reports: what pip-audit wrote, as its JSON.
    """
    told = [entry for report in reports for entry in report.get("dependencies", [])]
    asked = {(entry["name"].lower(), entry["version"]) for entry in told if "vulns" in entry}
    reasons = sorted({entry["skip_reason"].partition(":")[0] for entry in told if "skip_reason" in entry})
    lines = [
        f"{entry['name']} {entry['version']}: {vulnerability['id']}"
        + (f" ({', '.join(vulnerability['aliases'])})" if vulnerability.get("aliases") else "")
        + (f"; mended in {', '.join(vulnerability['fix_versions'])}" if vulnerability.get("fix_versions") else "")
        for entry in told
        for vulnerability in entry.get("vulns", [])
    ]
    code = 1 if lines else 0
    missing = sorted(packages - asked)
    if missing:
        names = ", ".join(f"{name} {version}" for name, version in missing[:3])
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        why = f" ({'; '.join(reasons)})" if reasons else ""
        lines.append(f"could not be asked about: {names}{more}{why}. This says nothing for or against them")
        code = code or 2
    lines.append(f"{len(packages & asked)} of {len(packages)} locked packages were asked about")
    return code, lines


def ask(packages: list[tuple[str, str]], options: list[str]) -> dict[str, Any]:
    """What pip-audit says of packages; nothing where it failed, with its last words on standard error."""
    with tempfile.TemporaryDirectory(prefix="sahara-audit-") as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text("".join(f"{name}=={version}\n" for name, version in packages), encoding="utf-8")
        command = [str(PIP_AUDIT), "-r", str(wanted), "--no-deps", "--disable-pip", "--format", "json"]
        command += ["--progress-spinner", "off", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "it said nothing")
        sys.stderr.write(f"pip-audit failed: {last}\n")
        return {}
    return found


def main() -> int:
    """Ask, and say what came of it."""
    locks = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "requirements").glob("*.txt"))]
    packages = pinned(*locks)
    code, lines = verdict(packages, [ask(one, sys.argv[1:]) for one in rounds(packages)])
    sys.stdout.write("\n".join(lines) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
