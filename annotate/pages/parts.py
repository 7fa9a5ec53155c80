"""Parts of pages: small print, a notice, a plain table. Every page that has one of them draws STYLE first."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

STYLE = """<style>
.gs-small { margin: 0 0 .5rem; font-size: .9rem; color: #4a5a57; }
.gs-scroll { overflow-x: auto; }
.gs-table { width: max-content; border-collapse: collapse; font-size: .9rem; }
.gs-table th { text-align: left; font-weight: 600; }
.gs-table th, .gs-table td { padding: .3rem .7rem .3rem 0; border-bottom: 1px solid #e0e6e4; vertical-align: top; }
.gs-table td.number, .gs-table th.number { text-align: right; font-variant-numeric: tabular-nums; }
.gs-notice { margin: 0; padding: .5rem .9rem; border-radius: .5rem; background: #fdf4e3; color: #7a4b00; }
.gs-notice.good { background: #e4f4ee; color: #1c2826; }
</style>"""


def small(text: str) -> None:
    """Streamlit's own captions are too pale to be read by everybody."""
    st.html(f'<p class="gs-small">{html.escape(text)}</p>')


def notice(text: str, *, good: bool = False) -> None:
    """Not Streamlit's own boxes: they read Markdown, and a person's name may hold some."""
    st.html(f'<p class="gs-notice {"good" if good else ""}" role="status">{html.escape(text)}</p>')


def table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    """A plain table: a screen reader reads it, and the browser finds words in it."""

    def cell(tag: str, value: object) -> str:
        number = ' class="number"' if isinstance(value, int | float) else ""
        return f"<{tag}{number}>{html.escape(str(value))}</{tag}>"

    head = "".join(f"<th>{html.escape(title)}</th>" for title in columns.values())
    body = "".join("<tr>" + "".join(cell("td", row[key]) for key in columns) + "</tr>" for row in rows)
    st.html(f'<div class="gs-scroll" tabindex="0"><table class="gs-table"><tr>{head}</tr>{body}</table></div>')
