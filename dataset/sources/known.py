"""The known forms of a caption file: which one a file has, and its entries."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gatherset.dataset.caption_file import Entry, read_caption_file
from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.sources import coco, karpathy, labelstudio, tables, tokens

Read = tuple[dict[str, Entry], list[Finding]]
Columns = Mapping[str, str]  # {what Gatherset calls it: what the file calls it}
HEAD = 1 << 16  # bytes that tell the forms of text files apart


def read_captions(path: Path, form: str | None = None, columns: Columns | None = None) -> Read:
    """The entries of a caption file by image name, and a finding for each place in it that cannot be used.

    `form` is one of FORMS; None: what the file looks like. `columns` names those of a table, and the fields of a
    Label Studio export, where they are not the usual ones. Raises InputError for a file that cannot be read or has
    another form.
    """
    form = form or form_of(path, columns)
    if columns and form not in TABULAR:
        raise InputError(f"a file of the form {form} has no columns to name", f"They are for {', '.join(TABULAR)}")
    try:
        return FORMS[form](path, columns or {})
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply", "Is it a caption file?") from error


def form_of(path: Path, columns: Columns | None = None) -> str:
    """The form that `path` looks like, a table perhaps by the columns that are named. Raises InputError for none."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "Check the path and its permissions") from error
    if head[:4] == b"PAR1":
        return "parquet"
    text = head.decode("utf-8-sig", "replace").lstrip()
    first = re.split(r"[\r\n]", text, maxsplit=1)[0]
    if tokens.LINE.match(first):
        return "flickr"
    if text[:1] in ("[", "{"):
        return "jsonl" if path.suffix == ".jsonl" or _is_whole_object(first) else _json_form(path)
    if tables.is_header(first, columns or {}):
        return "csv"
    raise InputError(f"{path} has none of the known forms", f"Say which it has, with --format: {', '.join(FORMS)}")


def _is_whole_object(line: str) -> bool:
    """Whether a line is an object of captions.jsonl by itself; the other JSON files are one value over all lines."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "image" in value


def _json_form(path: Path) -> str:
    document = read_json(path)
    if isinstance(document, list):
        return "labelstudio"
    if "annotations" in document:
        return "coco"
    if "images" in document:
        return "karpathy"
    raise InputError(f"{path} has none of the known forms", "COCO has 'annotations', Karpathy's files 'images'")


def read_json(path: Path) -> Any:
    """The value of a JSON file. Raises InputError."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "Check the path and its permissions") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}", "Is it whole? Fetch it again") from error


FORMS: dict[str, Callable[[Path, Columns], Read]] = {
    "jsonl": lambda path, _: read_caption_file(path),
    "flickr": lambda path, _: tokens.read(path),
    "csv": tables.read_csv,
    "parquet": tables.read_parquet,
    "karpathy": lambda path, _: karpathy.read(path, read_json(path)),
    "coco": lambda path, _: coco.read(path, read_json(path)),
    "labelstudio": lambda path, columns: labelstudio.read(path, read_json(path), columns),
}
TABULAR = ("csv", "parquet", "labelstudio")  # where things have names that differ from file to file
