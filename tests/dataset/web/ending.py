"""For a process of its own to import, which is why it imports next to nothing."""

import os
import signal


def end_of_process(*_: object) -> None:
    """What becomes of a process whose decoder overwrites its memory."""
    os.kill(os.getpid(), signal.SIGKILL)
