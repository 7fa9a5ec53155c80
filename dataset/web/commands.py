"""The shell commands of the web part: fetch, linkcheck."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gatherset.dataset.findings import as_json as findings_json
from gatherset.dataset.findings import errors
from gatherset.dataset.shell import F, finish, json_option, print_json, say, say_findings, workspace_option

if TYPE_CHECKING:
    from gatherset.dataset.web.addresses import Reach
    from gatherset.dataset.web.fetch import Fetched
    from gatherset.dataset.web.hosts import Limits

AGAIN = ("failed", "invalid", "no-connection", "4xx", "5xx", "other", "not-asked")


class Finite(click.FloatRange):
    """A number within the range; what Python also takes for one, inf and nan, is none of seconds or megabytes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number} is no number to count with.", param, ctx)
        return number


def manners(command: F) -> F:
    """Gives the command how hard hosts are asked, what it may reach, and whom they may write to."""
    options = (
        click.option("--per-host", type=click.IntRange(1, 32), help="Connections to one host at once. Default: 2."),
        click.option("--per-second", type=Finite(0.01, 1000), help="Questions to one host. Default: 5."),
        click.option("--seconds", type=Finite(0.1), help="For one answer, at most. Default: 120."),
        click.option("--max-mb", type=Finite(0.001), help="Of one image, unpacked. Default: 50."),
        click.option("--contact", envvar="GATHERSET_CONTACT", default="", help="Your page or e-mail, for the hosts."),
        click.option(
            "--allow-network",
            "networks",
            multiple=True,
            metavar="CIDR",
            help="May be reached though it is not public, e.g. 10.1.0.0/16. Repeatable.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _limits(per_host: int | None, per_second: float | None, seconds: float | None, max_mb: float | None) -> Limits:
    from gatherset.dataset.web.hosts import Limits

    given: dict[str, Any] = {"per_host": per_host, "per_second": per_second, "total_seconds": seconds}
    given["max_bytes"] = None if max_mb is None else int(max_mb * 1e6)
    limits = replace(Limits(), **{name: value for name, value in given.items() if value is not None})
    # Less patience with the whole answer is less patience with its beginning.
    within = min(limits.total_seconds, limits.read_seconds)
    return replace(limits, read_seconds=within, connect_seconds=min(limits.total_seconds, limits.connect_seconds))


def _reach(networks: tuple[str, ...]) -> Reach:
    from gatherset.dataset.web.addresses import Reach

    return Reach.of(networks)


@click.command()
@click.argument("urls", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--again", type=click.Choice(AGAIN), help="Ask once more for those that gave no image, or for one kind of them."
)
@manners
@json_option
def fetch(
    urls: Path,
    folder: Path,
    again: str | None,
    per_host: int | None,
    per_second: float | None,
    seconds: float | None,
    max_mb: float | None,
    contact: str,
    networks: tuple[str, ...],
    as_json: bool,
) -> None:
    """Fetch the images of the list URLS (CSV with a column url) into FOLDER, ready to be ingested as the web part.

    Other columns that are read: caption, license, attribution, dataset. robots.txt and X-Robots-Tag are obeyed, and
    private addresses are never reached. What came of every URL stands in FOLDER/fetch.csv. Run it again to go on after
    an interruption; what was asked for is not asked for again.

    Example: gatherset fetch urls.csv photos --contact you@example.org

    Example: gatherset fetch urls.csv photos --again failed
    """
    from gatherset.dataset.web.fetch import fetch

    limits, reach = _limits(per_host, per_second, seconds, max_mb), _reach(networks)
    fetched = fetch(urls, folder, limits=limits, reach=reach, contact=contact, again=again)
    if as_json:
        numbers = {"urls": len(fetched.outcomes), "asked": fetched.asked, "images": fetched.images}
        print_json({**numbers, "outcomes": fetched.counts, "findings": findings_json(fetched.findings)})
    else:
        say_findings(fetched.findings)
        _say_fetched(fetched)
    finish(errors(fetched.findings) > 0)


def _say_fetched(fetched: Fetched) -> None:
    for category, kinds in fetched.counts.items():
        own = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
        say(f"{category:<14}{sum(kinds.values()):>8}  {own if category != 'there' else ''}".rstrip())
    say(f"{len(fetched.outcomes)} URLs, {fetched.asked} of them asked for now; {fetched.images} different images.")
    if fetched.images:
        say(f"Next: gatherset ingest {fetched.folder} --part web --license SPDX-ID (for those whose line names none)")


@click.command()
@click.argument("reference", metavar="[RELEASE]", required=False)
@manners
@workspace_option
@json_option
def linkcheck(
    reference: str | None,
    per_host: int | None,
    per_second: float | None,
    seconds: float | None,
    max_mb: float | None,
    contact: str,
    networks: tuple[str, ...],
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Ask whether the images of RELEASE (a folder or a version; default: the newest) are still where they came from.

    Each is fetched, compared with what was received then, and forgotten. The result is added to the checks before it in
    measurements/links.json, the rotten links to measurements/rotten.csv. An interrupted check goes on.

    Example: gatherset linkcheck mg@1.0.0
    """
    from gatherset.dataset.measurements import link_measurement, write_measurements
    from gatherset.dataset.release_commands import find_release
    from gatherset.dataset.web.link_rot import advice, as_text, forget_journal
    from gatherset.dataset.workspace import Workspace

    found = find_release(reference, workspace) if reference else Workspace.open(workspace).release()
    limits, reach = _limits(per_host, per_second, seconds, max_mb), _reach(networks)
    links = link_measurement(found, limits=limits, reach=reach, contact=contact)
    [path] = write_measurements(found, [links])
    forget_journal(found)
    if as_json:
        print_json(links)
    else:
        say(as_text(links))
        for line in advice(links, found):
            say(line)
        say(f"Measured {found}: {path}")
    finish(links["unavailable"] > 0)
