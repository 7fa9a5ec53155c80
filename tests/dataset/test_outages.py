"""A server of PostgreSQL that goes away: an error that the app knows, and all is well when it is back."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from gatherset.cli import _trouble
from gatherset.dataset.catalog.database import VARIABLE
from gatherset.dataset.errors import WorkspaceError
from gatherset.dataset.workspace import Workspace
from tests.postgresql import Cluster


def test_a_server_that_goes_away_is_an_outage_until_it_is_back(
    postgresql: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, postgresql.url)
    workspace = Workspace.create(tmp_path / "mg")
    with workspace.catalog.read() as connection:  # looked at before it is handed out, and then the server goes
        postgresql.stop("immediate")
        try:
            with pytest.raises(OperationalError) as raised:
                connection.execute(sa.text("SELECT 1"))
            assert raised.value.connection_invalidated
            said = _trouble(raised.value)
            assert said.startswith("the database server has gone away: ")
            assert "\n" not in said
            with pytest.raises(OperationalError), workspace.catalog.write():
                pass
            with pytest.raises(WorkspaceError, match="cannot be used"):
                Workspace.open(workspace.root)
        finally:
            postgresql.start()
    with workspace.catalog.write() as again:
        assert again.execute(sa.text("SELECT 1")).scalar() == 1
    workspace.catalog.close()
