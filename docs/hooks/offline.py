"""A built page that would load anything over the network ends the build: the site is read offline, too."""

import re
from typing import Any

from mkdocs.exceptions import PluginError

_LOADED = re.compile(
    r"<(?:script|link|img|iframe|source|video)\b[^>]*\b(?:src|href)=[\"']?(?P<what>(?:https?:)?//[^\"'\s>]+)"
)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Looks at one page as it is written."""
    if found := _LOADED.search(output):
        raise PluginError(f"{page.file.src_uri} would load {found['what']} over the network")
    return output
