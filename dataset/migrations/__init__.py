"""Alembic migrations of the catalog: its one history."""
