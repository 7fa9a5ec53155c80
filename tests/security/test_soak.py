"""The soak in short: everybody at work while the app and the database are killed. The long run: benchmarks/soak.py."""

from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed: pip install 'gatherset[app]'")

from gatherset.dataset.catalog.database import VARIABLE
from tests.benchmarks.soak import Soak
from tests.benchmarks.soak_people import Plan
from tests.postgresql import Cluster

SHORT = Plan(
    seconds=0,
    images=40,
    faults=("app", "database"),
    annotators=6,
    think=(0.2, 1.0),
    calm=(0.2, 2.0),
    every={"validate": 12.0, "build": 6.0, "backup": 9.0},
)


def test_what_was_acknowledged_outlasts_kills_of_the_app_and_of_the_database(
    postgresql: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, postgresql.url)
    soak = Soak(tmp_path, postgresql, SHORT)
    soak.run()
    assert soak.broken() == []
    assert soak.tally["fault: app killed"] >= 1
    assert soak.tally["fault: PostgreSQL stopped"] + soak.tally["fault: PostgreSQL crashed"] >= 1
    assert soak.tally["backups restored"] >= 1
    assert soak.tally["releases"] >= 1
    soak.workspace.catalog.close()
