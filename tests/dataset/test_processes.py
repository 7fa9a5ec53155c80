import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from gatherset.dataset import processes
from gatherset.dataset.errors import GathersetError
from gatherset.dataset.processes import MOST, WORTH_IT, Workers, cores
from tests.conftest import ROOT, hear_ctrl_c

MANY = WORTH_IT + 3


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "cores", lambda: 2)


def scaled(factor: int, piece: int) -> tuple[int, int]:
    return factor * piece, os.getpid()


def failing(_: int, piece: int) -> int:
    if piece == 3:
        raise OSError(28, "No space left on device")
    return piece


def killed(_: int, piece: int) -> int:
    if piece == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return piece


@pytest.fixture
def workers() -> Iterator[Workers[int]]:
    workers = Workers(10, MANY)
    yield workers
    workers.close()


def test_results_come_in_the_order_of_the_pieces_from_other_processes(workers: Workers[int]) -> None:
    results = list(workers.in_order(scaled, range(MANY)))
    assert [value for value, _ in results] == [10 * piece for piece in range(MANY)]
    assert os.getpid() not in {process for _, process in results}


def test_few_pieces_stay_in_this_process() -> None:
    workers = Workers(10, 2)
    assert list(workers.in_order(scaled, range(2))) == [(0, os.getpid()), (10, os.getpid())]
    workers.close()


def test_cores_that_others_have_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    own = cores()
    monkeypatch.setattr(os, "cpu_count", lambda: 192)
    assert cores() == own <= 192


def test_a_large_machine_gets_no_more_processes_than_one_can_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "cores", lambda: 192)
    workers = Workers(10, MANY)
    assert workers._processes == MOST
    workers.close()


def test_an_error_of_the_work_is_that_of_the_caller(workers: Workers[int]) -> None:
    with pytest.raises(OSError, match="No space left"):
        list(workers.in_order(failing, range(MANY)))


def test_a_killed_process_is_said(workers: Workers[int]) -> None:
    with pytest.raises(GathersetError, match="was killed"):
        list(workers.in_order(killed, range(MANY)))


def test_pieces_are_asked_for_as_they_are_needed(workers: Workers[int]) -> None:
    asked: list[int] = []
    with closing(workers.in_order(scaled, (asked.append(piece) or piece for piece in range(1000)))) as results:
        next(results)
    assert len(asked) < 10


def test_processes_end_with_a_killed_parent() -> None:
    """kill -9 tells nobody anything: they look for themselves."""
    code = (
        "import sys, time\n"
        "from tests.dataset.test_processes import Workers, scaled\n"
        "if __name__ == '__main__':\n"
        "    workers = Workers(1, 100)\n"
        "    print(next(workers.in_order(scaled, range(2)))[1], flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, text=True)
    assert parent.stdout
    with parent.stdout:
        child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for _ in range(100):
        status = Path(f"/proc/{child}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the process goes on")


def test_ctrl_c_while_processes_are_starting_ends_them_in_silence(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, time\n"
        "if __name__ != '__main__':\n"
        "    time.sleep(0.5)  # as imports do\n"
        "from tests.dataset.test_processes import Workers, processes, scaled\n"
        "def pieces():\n"
        "    for piece in range(100):\n"
        "        if piece == 3:\n"
        "            print('begun', flush=True)\n"
        "        yield piece\n"
        "if __name__ == '__main__':\n"
        "    processes.cores = lambda: 2\n"
        "    workers = Workers(1, 100)\n"
        "    try:\n"
        "        list(workers.in_order(scaled, pieces()))\n"
        "        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n"
        "        print('stopped')\n"
        "    finally:\n"
        "        workers.close()\n"
    )
    process = subprocess.Popen(
        [sys.executable, program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        start_new_session=True,  # a terminal sends Ctrl-C to all processes of the command
        preexec_fn=hear_ctrl_c,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        try:
            assert process.communicate(timeout=120) == ("stopped\n", "")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0
