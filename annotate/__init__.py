"""Collecting: queue, submissions, and the decision that turns answers into records."""
