from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.annotate.caption_spread import caption_spread
from gatherset.dataset.catalog.tables import images
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import make_all


def test_case_and_punctuation_make_no_difference_between_captions(
    workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(1), Provenance("filtered", "CC-BY-4.0"))
    same = [{"text": "A crowd walks.", "author": "a"}, {"text": "a crowd, walks", "author": "b"}]
    with workspace.catalog.write() as connection:
        connection.execute(sa.update(images).values(captions=same))
    make_all(workspace)
    with workspace.catalog.read() as connection:
        spread = caption_spread(connection)
    assert (spread["distinct_2"], spread["likeness"]) == (pytest.approx(2 / 4), pytest.approx(1.0))
