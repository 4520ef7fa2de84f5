"""Links between the site and the repository.

The pages are read in two places: as files of the repository and as a site. Links are written for the files.
Here they are turned for the site: some files outside `docs/` are pages of the site too (PAGES), and of any
other file only the link's text is left, because the site does not carry the source. A link to a file that
does not exist ends the build.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", "deploy/README.md", "deploy/FAULTS.md")
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\[\]]*)\]\((?P<path>[^()\s#:]+)(?P<anchor>#[^()\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages that lie outside docs/."""
    for name in PAGES:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turns the links of one page."""
    source = Path(page.file.abs_src_path)
    return _LINK.sub(lambda link: turned(link, source, page.file.src_uri), markdown)


def turned(link: re.Match[str], source: Path, uri: str) -> str:
    """A link of the file `source`, as it is written on the page `uri` of the site."""
    text, anchor = link["text"], link["anchor"] or ""
    target = (source.parent / link["path"]).resolve()
    if not target.exists():
        raise PluginError(f"{source.relative_to(ROOT)}: there is no file {link['path']} to link to")
    place = place_on_site(target)
    if place is None:
        return text
    return f"[{text}]({posixpath.relpath(place, posixpath.dirname(uri) or '.')}{anchor})"


def place_on_site(target: Path) -> str | None:
    """Where a file of the repository is on the site; None where it is not there."""
    if target.is_relative_to(DOCS):
        return target.relative_to(DOCS).as_posix()
    name = target.relative_to(ROOT).as_posix()
    return name if name in PAGES else None
