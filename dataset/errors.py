"""The errors that Gatherset raises: each says what happened, to which file or record, and what to do next."""

from __future__ import annotations


def one_line(text: str) -> str:
    """`text` as a terminal may show it: a line break or an escape sequence in a file name is written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class GathersetError(Exception):
    """Something a person can mend. The shell prints it in one line and exits with 2: could not run.

    `what` names the file or record; `next_step` says what to do.
    """

    def __init__(self, what: str, next_step: str = "") -> None:
        self.what = what
        self.next_step = next_step
        super().__init__(one_line(f"{what}. {next_step}" if next_step else what))


class WorkspaceError(GathersetError):
    """A workspace that is missing, damaged, already there, or made by a newer version."""


class NoWorkspaceError(WorkspaceError):
    """There is no workspace where one was looked for."""


class InputError(GathersetError):
    """A file or value given by the user that cannot be read."""


class ImageError(GathersetError):
    """Bytes that are not an image Gatherset can keep."""


class SubmissionError(GathersetError):
    """An answer that cannot be stored as it is."""


class ReleaseError(GathersetError):
    """A release that cannot be built, found, or read."""


class FeaturesError(GathersetError):
    """A feature file that is missing, damaged, or of another release or extractor."""


class ModelError(GathersetError):
    """A model that cannot be trained, loaded, or applied."""


class RegistryError(ReleaseError):
    """A registry that cannot be reached or written, or that says what cannot be true."""


class ServerError(GathersetError):
    """A server that cannot be reached, that refuses, or that holds something else than was left there."""
