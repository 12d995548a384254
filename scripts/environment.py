"""Virtual environments that are installed once, and again when what they were made from changes."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout; every command runs there."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment in the checkout, and how it comes to be."""

    folder: str
    """Relative to the checkout."""
    pip: tuple[tuple[str, ...], ...]
    """Arguments of pip, one call after the other."""
    made_from: tuple[str, ...]
    """Files and folders of the checkout whose content is installed: a change installs again."""

    def ready(self) -> Path:
        """Install what is missing and give the environment's Python.

        The stamp is written last, so that an installation that was interrupted is done again; an
        environment made by another Python version is emptied first. A folder without a stamp may
        be the user's own and is only added to.
        """
        stamp = ROOT / self.folder / "annapalm-stamp.json"
        now = {"python": platform.python_version(), "made_from": self._digest()}
        before = json.loads(stamp.read_text(encoding="utf-8")) if stamp.exists() else None
        python = self.script("python")
        if before == now and python.exists():
            return python
        stamp.unlink(missing_ok=True)
        other = before is not None and before["python"] != now["python"]
        call(sys.executable, "-m", "venv", *(["--clear"] if other else []), self.folder)
        for arguments in self.pip:
            call(python, "-m", "pip", *arguments)
        stamp.write_text(json.dumps(now), encoding="utf-8")
        return python

    def script(self, name: str) -> Path:
        """Where a program of the environment lies."""
        windows = os.name == "nt"
        folder = ROOT / self.folder / ("Scripts" if windows else "bin")
        return folder / (f"{name}.exe" if windows else name)

    def _digest(self) -> str:
        digest = hashlib.sha256(repr(self.pip).encode())
        for path in sorted(p for name in self.made_from for p in _files(ROOT / name)):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
        return digest.hexdigest()


def call(*command: str | Path, environ: dict[str, str] | None = None) -> None:
    """Show a command and run it in the checkout; leave with its exit code where that is not 0."""
    words = [str(word) for word in command]
    print(f"+ {shlex.join(words)}", flush=True)
    try:
        done = subprocess.run(words, cwd=ROOT, env={**os.environ, **(environ or {})}, check=False)
    except KeyboardInterrupt:
        sys.exit(130)
    if done.returncode:
        # A negative code is the signal that ended the command; shells count it from 128.
        sys.exit(done.returncode if done.returncode > 0 else 128 - done.returncode)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
