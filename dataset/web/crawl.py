"""Many URLs: hosts side by side, the URLs of each in turn, and once more at the end those that a retry may help."""

from __future__ import annotations

import asyncio
import shutil
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

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
    with ThreadPoolExecutor(cores()) as judges, asyncio.Runner() as runner:
        answers: asyncio.Queue[Answer | None] = asyncio.Queue()

        async def begin() -> asyncio.Task[None]:
            return asyncio.create_task(_ask_all(urls, folder, judge, judges, limits, reach, contact, answers))

        work = runner.run(begin())
        while batch := runner.run(_next(answers, work)):
            yield from batch


async def _next(answers: asyncio.Queue[Answer | None], work: asyncio.Task[None]) -> list[Answer]:
    """All answers that there are, at least one; none at the end, where what went wrong is raised."""
    batch = [await answers.get()]
    while not answers.empty():
        batch.append(answers.get_nowait())
    if batch == [None]:
        try:
            await work
        except BaseExceptionGroup as group:
            raise _first(group) from group
    if batch[-1] is None and len(batch) > 1:
        answers.put_nowait(batch.pop())
    return [answer for answer in batch if answer is not None]


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
    answers: asyncio.Queue[Answer | None],
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
        answers.put_nowait(None)


async def _visited(visitor: Visitor, url: str, number: int) -> Outcome:
    """What came of a URL. Whatever else a host can bring about is its own matter, and not the end of all others."""
    try:
        return await visitor.visit(url, number)
    except (OSError, GathersetError):  # a full disk
        raise
    except Exception as error:
        return Outcome(OTHER, "unforeseen", f"{type(error).__name__}: {error}"[:200])


async def _ask_host(visitor: Visitor, urls: list[tuple[int, str]], answers: asyncio.Queue[Answer | None]) -> None:
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
                    answers.put_nowait((url, outcome))

        async with asyncio.TaskGroup() as group:
            for _ in range(min(limits.per_host, len(urls))):
                group.create_task(lane(left, again, attempt == limits.tries))
        if not (urls := again):
            return
        await asyncio.sleep(wait)
        wait *= 4
