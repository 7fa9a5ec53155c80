"""A page of HTML that needs nothing beside it: no scripts, no fonts, no requests; readable on paper too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #fff; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
h3 { font-size: 1rem; margin-bottom: .2rem; } small { color: #5a5a5a; font-weight: normal; }
table { border-collapse: collapse; margin: .6rem 0; } caption { text-align: left; color: #5a5a5a; }
th, td { padding: .2rem .9rem .2rem 0; text-align: left; border-bottom: 1px solid #ddd; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1.2rem; }
figure { margin: 0; break-inside: avoid; } figure img { max-width: 100%; height: auto; display: block; }
figcaption { font-size: .85rem; } figcaption ol { margin: .3rem 0; padding-left: 1.2rem; }
svg text { font: 12px system-ui, sans-serif; fill: #1c1c1c; }
ins { background: #d7f2d9; text-decoration: none; } del { background: #fbdcdc; }
section { break-inside: avoid; } section ol { margin: .2rem 0; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } h2 { break-after: avoid; }
  ins { text-decoration: underline; } a { color: inherit; } }
"""


def page(title: str, body: str) -> str:
    """A whole document; `body` is HTML."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style></head>\n'
        f"<body>\n<h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; columns of numbers stand to the right."""
    kept = [list(row) for row in rows]
    numeric = [all(isinstance(row[column], int | float) for row in kept) for column in range(len(head))]
    lines = ["<table><thead>", _row("th", head, numeric), "</thead><tbody>"]
    return "\n".join([*lines, *(_row("td", row, numeric) for row in kept), "</tbody></table>"])


def _row(tag: str, cells: Sequence[object], numeric: Sequence[bool]) -> str:
    parts = (
        f"<{tag}{' class=n' if number else ''}>{escape(_shown(cell))}</{tag}>"
        for cell, number in zip(cells, numeric, strict=True)
    )
    return f"<tr>{''.join(parts)}</tr>"


def _shown(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
