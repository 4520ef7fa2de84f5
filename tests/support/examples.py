"""Follows a page of the documentation as a careful reader does: creates its files, runs its commands and
programs, and compares their output with the page.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.markdown import Block, blocks
from tests.support.paths import ROOT

LANGUAGES = {"bash", "bibtex", "python", "text", "toml", "yaml"}
_SNIPPET = re.compile(r"^--8<--\n(?P<file>.+)\n--8<--$", re.MULTILINE)
_CHECK_SPECS = "import sys\nfrom tuner.spec.study import load_spec\nfor file in sys.argv[1:]: load_spec(file)"


@dataclass
class Reader:
    """Reads pages in a folder of its own."""

    folder: Path  # where files are made and commands are typed
    home: Path | None = None  # TUNER_HOME; None: as the page's reader has it, .tuner in the folder
    replaced: dict[str, str] = field(default_factory=dict)  # what stands for what the page has
    said: str = ""  # by the last command
    variables: dict[str, Any] = field(default_factory=dict)  # of the page's programs

    def play(self, page: Path) -> None:
        """All blocks of a page in order. What fails is told with its line."""
        specs = []
        for block in blocks(page):
            place = f"{page.relative_to(ROOT)}:{block.line}"
            assert block.language in LANGUAGES, place
            text = self._text(block)
            if block.title:
                (self.folder / block.title).write_text(text, encoding="utf-8")
                specs += [block.title] if block.language == "yaml" else []
            elif block.language == "bash" and not block.not_run:
                self.said = self._run(["bash", "-eu", "-o", "pipefail", "-c", text], place)
            elif block.language == "python" and not block.not_run:
                exec(compile(text, place, "exec"), self.variables)  # the page's own program
            elif block.language == "text":
                assert shape(text) == shape(self.said), place
        if specs:
            self._run([sys.executable, "-c", _CHECK_SPECS, *specs], page.name)

    def _text(self, block: Block) -> str:
        text = _SNIPPET.sub(lambda m: (ROOT / m["file"]).read_text(encoding="utf-8"), block.text)
        for what, other in self.replaced.items():
            text = text.replace(what, other)
        return text

    def _run(self, command: list[str], place: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{place}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _environment(self) -> dict[str, str]:
        """The commands `tuner` and `python` are this tree's, whatever is installed."""
        programs = self.folder / ".programs"
        if not programs.is_dir():
            programs.mkdir()
            for name, command in (("tuner", "-m api.cli"), ("python", "")):
                (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {command} "$@"\n')
                (programs / name).chmod(0o755)
        ours = {k: v for k, v in os.environ.items() if not k.startswith("TUNER_")}
        home = {"TUNER_HOME": str(self.home)} if self.home else {}
        path = os.pathsep.join([str(ROOT), str(self.folder)])
        return ours | home | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": path}


def shape(text: str) -> list[str]:
    """The part of a command's output that is the same on every machine: its lines without numbers, paths, the
    answers to the paper's claims, and the notes, which depend on the numbers.
    """
    lines = []
    for line in text.strip().splitlines():
        if line.startswith("note:"):
            continue
        words = ["#" if re.search(r"[0-9/]", word) else word for word in line.split()]
        lines.append(" ".join(words[:2] if words[:1] == ["claim"] else words))
    return lines
