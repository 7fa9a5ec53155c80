"""The words of a caption: one tokeniser for what a release says and for what a model reads."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def tokens(caption: str) -> list[str]:
    """The tokens of a caption, in order: runs of letters and digits in lower case, with the apostrophes inside them."""
    return _TOKEN.findall(caption.lower().replace("’", "'"))
