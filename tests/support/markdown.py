"""The documentation as tests read it: its code blocks, its tables, its links.

A block of code may have a comment in the line before it, which says that tests do not run it, and why:

    <!-- not run: it serves until Ctrl-C -->
"""

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.support.paths import ROOT

DOCS = ROOT / "docs"
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>.+?) -->")
_TITLE = re.compile(r'\btitle="(?P<title>[^"]+)"')
_LINK = re.compile(r"\]\((?P<target>[^()\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    language: str
    text: str
    line: int  # of the page, from 1
    title: str | None  # the file that it is the content of
    not_run: str | None  # why no test runs it


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def pages(folder: Path = DOCS) -> list[Path]:
    return sorted(folder.rglob("*.md"))


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = []
    before = None
    for token in _parsed(page):
        if token.type == "fence":
            language, _, rest = token.info.partition(" ")
            title, reason = _TITLE.search(rest), _NOT_RUN.search(before.content) if before else None
            found.append(
                Block(
                    language,
                    token.content,
                    token.map[0] + 1,
                    title["title"] if title else None,
                    reason["reason"] if reason else None,
                )
            )
        before = token if token.type == "html_block" else None
    return found


def tables(page: Path, heading: str | None = None) -> list[list[list[str]]]:
    """The tables of a page, or of the part under a heading: rows of cells as they are written, the first is
    the head.
    """
    found: list[list[list[str]]] = []
    here = heading is None
    level = 0
    tokens = _parsed(page)
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and heading is not None:
            depth = int(token.tag[1])
            if following.content == heading:
                here, level = True, depth
            elif here and depth <= level:
                here = False
        if not here:
            continue
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in ("td_open", "th_open"):
            found[-1][-1].append(following.content)
    return found


def names(cell: str) -> list[str]:
    """What a cell has in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures, without what is code."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", read(page), flags=re.DOTALL)
    return [m["target"] for m in _LINK.finditer(prose)]


def _parsed(page: Path):
    return MarkdownIt("commonmark").enable("table").parse(read(page))
