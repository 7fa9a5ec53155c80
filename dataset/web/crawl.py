"""Many URLs: hosts side by side, the URLs of each in turn, and once more at the end those that a retry may help."""

from __future__ import annotations

import asyncio
import shutil
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

import httpx

from gatherset.dataset.errors import GathersetError
from gatherset.dataset.processes import cores
from gatherset.dataset.web.addresses import GuardedTransport, Reach
from gatherset.dataset.web.hosts import Limits
from gatherset.dataset.web.outcome import OTHER, Outcome
from gatherset.dataset.web.visitor import Judge, Visitor, host_of, url_fault

Answer = tuple[str, Outcome]
UNDER_WAY = ".under-way"  # what is being received


@contextmanager
def under_way(folder: Path, written: Sequence[str]) -> Iterator[Path]:
    """A folder in `folder` to receive into; gone afterwards.

    What a run that was killed left there is removed, and halves of the files in `folder` that were being `written`.
    """
    made = folder / UNDER_WAY
    shutil.rmtree(made, ignore_errors=True)
    for name in written:
        for half in folder.glob(f".{name}.*.partial"):
            half.unlink()
    made.mkdir()
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def crawl(
    urls: Sequence[str], folder: Path, judge: Judge, *, limits: Limits, reach: Reach, contact: str = ""
) -> Generator[Answer, None, None]:
    """(URL, outcome) of each of the `urls`, which differ, in the order in which they are known.

    `judge` is called in threads with each file that was received into `folder`, which is gone afterwards. When the
    caller stops asking, everything that is under way is given up.
    """
    if not urls:
        return
    answers: SimpleQueue[Answer | None] = SimpleQueue()
    loop = asyncio.new_event_loop()
    # In a thread, which Ctrl-C does not reach: it would be raised in the middle of whatever the loop is doing.
    with ThreadPoolExecutor(cores()) as judges, ThreadPoolExecutor(1) as thread:
        work = loop.create_task(_ask_all(urls, folder, judge, judges, limits, reach, contact, answers))
        end = thread.submit(_run, loop, work)
        try:
            while (answer := answers.get()) is not None:
                yield answer
            end.result()
        except BaseExceptionGroup as group:
            raise _first(group) from group
        finally:
            with suppress(RuntimeError):  # it has ended, and its loop is closed
                loop.call_soon_threadsafe(work.cancel)


def _run(loop: asyncio.AbstractEventLoop, work: asyncio.Task[None]) -> None:
    """Work until it has ended, in this thread."""

    async def ended() -> None:
        await work

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(ended())


def _first(error: BaseException) -> BaseException:
    """What went wrong in the first of the tasks, such as a full disk."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


async def _ask_all(
    urls: Sequence[str],
    folder: Path,
    judge: Judge,
    judges: ThreadPoolExecutor,
    limits: Limits,
    reach: Reach,
    contact: str,
    answers: SimpleQueue[Answer | None],
) -> None:
    by_host: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for number, url in enumerate(urls):
        by_host["" if url_fault(url) else host_of(httpx.URL(url))].append((number, url))
    # The host with most URLs takes longest: begun last, it would be waited for alone.
    queue = iter(sorted(by_host.values(), key=len, reverse=True))
    try:
        async with Visitor(limits, GuardedTransport(reach), folder, judge, judges, contact=contact) as visitor:

            async def hosts() -> None:
                for own in queue:
                    await _ask_host(visitor, own, answers)

            async with asyncio.TaskGroup() as group:
                for _ in range(min(limits.hosts_at_once, len(by_host))):
                    group.create_task(hosts())
    finally:
        answers.put(None)


async def _visited(visitor: Visitor, url: str, number: int) -> Outcome:
    """What came of a URL. Whatever else a host can bring about is its own matter, and not the end of all others."""
    try:
        return await visitor.visit(url, number)
    except (OSError, GathersetError):  # a full disk
        raise
    except Exception as error:
        return Outcome(OTHER, "unforeseen", f"{type(error).__name__}: {error}"[:200])


async def _ask_host(visitor: Visitor, urls: list[tuple[int, str]], answers: SimpleQueue[Answer | None]) -> None:
    """Ask a host for its URLs; for those that a retry may help once more when all were asked, and once more."""
    limits = visitor.limits
    wait = limits.back_off
    for attempt in range(1, limits.tries + 1):
        again: list[tuple[int, str]] = []
        left = iter(urls)

        async def lane(left: Iterator[tuple[int, str]], again: list[tuple[int, str]], last: bool) -> None:
            for number, url in left:
                outcome = await _visited(visitor, url, number)
                if outcome.may_pass and not last and outcome.wait <= limits.most_wait:
                    again.append((number, url))
                else:
                    answers.put((url, outcome))

        async with asyncio.TaskGroup() as group:
            for _ in range(min(limits.per_host, len(urls))):
                group.create_task(lane(left, again, attempt == limits.tries))
        if not (urls := again):
            return
        await asyncio.sleep(wait)
        wait *= 4
