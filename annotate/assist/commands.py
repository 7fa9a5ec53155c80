"""The shell commands of models that help: caption, expand."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from gatherset.dataset.findings import Finding, errors
from gatherset.dataset.findings import as_json as findings_json
from gatherset.dataset.shell import (
    COULD_NOT_RUN,
    F,
    finish,
    json_option,
    print_json,
    say,
    say_findings,
    workspace_option,
)

if TYPE_CHECKING:
    from gatherset.annotate.assist.captioning import Captioner
    from gatherset.annotate.assist.endpoint import Endpoint, Usage
    from gatherset.dataset.workspace import Workspace

ANSWERS = Path("assist") / "answers"  # in the workspace: what was paid for


def endpoint_options(command: F) -> F:
    """Gives the command how an endpoint is asked and what it costs."""
    options = (
        click.option(
            "--endpoint", metavar="URL", help="OpenAI-compatible, ending in /v1; expand: or $OPENAI_BASE_URL."
        ),
        click.option(
            "--temperature", default=0.7, show_default=True, type=click.FloatRange(0, 2), help="Of the model."
        ),
        click.option("--stream", is_flag=True, help="For servers that only stream their answers."),
        click.option("--seconds", default=120.0, show_default=True, type=click.FloatRange(0.1), help="For an answer."),
        click.option("--at-once", default=4, show_default=True, type=click.IntRange(1, 64), help="Requests."),
        click.option(
            "--prices", type=(float, float), default=(0.0, 0.0), metavar="IN OUT", help="Of a million tokens, to count."
        ),
        click.option("--limit", type=click.IntRange(1), help="So many images at most."),
        click.option("--dry-run", is_flag=True, help="Only say how many requests there would be, and what they cost."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.option("--model", required=True, help="As the endpoint calls it.")
@endpoint_options
@workspace_option
@json_option
def expand(
    model: str,
    endpoint: str | None,
    temperature: float,
    stream: bool,
    seconds: float,
    at_once: int,
    prices: tuple[float, float],
    limit: int | None,
    dry_run: bool,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Have a language model write the captions that images lack, from the first that they have (EDAN section 4.3).

    What passes the rules and adds nothing to the first becomes a suggestion, which an annotator verifies; what does not
    is asked for again, and then left to a person. The prompt is prompts/expand.txt in the workspace; the key is read
    from OPENAI_API_KEY. Answers are kept: run it again to go on, at no cost for what was answered.

    Example: gatherset expand --endpoint http://localhost:8000/v1 --model llama-3.1-8b --dry-run
    """
    from gatherset.annotate.assist import expansion
    from gatherset.annotate.assist.endpoint import Asking, Endpoint
    from gatherset.annotate.assist.prompts import read_prompt
    from gatherset.dataset.workspace import Workspace

    space = Workspace.open(workspace)
    prompt = read_prompt(space.root, "expand")
    asking = Asking(model, temperature, stream=stream, seconds=seconds)
    with Endpoint(endpoint, asking, space.root / ANSWERS) as asked:
        items = expansion.expansion_items(space, limit)
        requests, tokens_in, tokens_out = expansion.estimate(items, asked, prompt, space.settings.language)
        cost = (tokens_in * prices[0] + tokens_out * prices[1]) / 1e6
        _say_estimate(len(items), requests, tokens_in, tokens_out, cost)
        if dry_run:
            return
        report = expansion.expand(space, items, asked, prompt, at_once=at_once)
        _report(report.findings, report.suggested, report.closed, asked.usage, prices, as_json)


@click.command()
@click.option(
    "--model", help="A folder, a name on a hub, or with --endpoint its name there. Default: the paper's BLIP."
)
@endpoint_options
@workspace_option
@json_option
def caption(
    model: str | None,
    endpoint: str | None,
    temperature: float,
    stream: bool,
    seconds: float,
    at_once: int,
    prices: tuple[float, float],
    limit: int | None,
    dry_run: bool,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Have a model describe the images that came without captions (EDAN section 4.2).

    Each caption is a suggestion, which an annotator verifies. Without --endpoint the model runs here, through
    transformers. Run it again to go on.

    Example: gatherset caption --model Salesforce/blip-image-captioning-base

    Example: gatherset caption --endpoint https://api.openai.com/v1 --model gpt-4o-mini --dry-run
    """
    from gatherset.annotate.assist import captioning
    from gatherset.annotate.assist.endpoint import Asking, Endpoint, estimated_tokens
    from gatherset.annotate.assist.prompts import read_prompt
    from gatherset.dataset.workspace import Workspace

    if endpoint is None:
        _need_an_endpoint("temperature", "stream", "seconds", "at_once", "prices")
    space = Workspace.open(workspace)
    if endpoint is None:
        captioner = None if dry_run else captioning.TransformersCaptioner(model or captioning.DEFAULT)
        name = captioning.model_name(model or captioning.DEFAULT)
        items = captioning.caption_items(space, name, limit)
        say(f"{len(items)} images wait for a caption.", err=True)
        if captioner:
            _captioned(space, items, captioner, None, prices, as_json)
        return
    if model is None:
        raise click.UsageError("--endpoint needs --model")
    prompt = read_prompt(space.root, "caption")
    with Endpoint(endpoint, Asking(model, temperature, stream=stream, seconds=seconds), space.root / ANSWERS) as asked:
        items = captioning.caption_items(space, model, limit)
        tokens = len(items) * (estimated_tokens([{"content": prompt.text}]) + 1000)
        cost = (tokens * prices[0] + len(items) * 30 * prices[1]) / 1e6
        _say_estimate(len(items), len(items), tokens, len(items) * 30, cost)
        if not dry_run:
            seeing = captioning.EndpointCaptioner(asked, prompt, space.settings.language, at_once=at_once)
            _captioned(space, items, seeing, asked, prices, as_json)


def _need_an_endpoint(*names: str) -> None:
    """Raises UsageError for an option that a model here does not heed, and that was given all the same."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name.replace('_', '-')} needs --endpoint")


def _captioned(
    space: Workspace,
    items: Sequence[object],
    captioner: Captioner,
    asked: Endpoint | None,
    prices: tuple[float, float],
    as_json: bool,
) -> None:
    from gatherset.annotate.assist.captioning import suggest_captions

    report = suggest_captions(space, items, captioner)  # type: ignore[arg-type]
    _report(report.findings, report.suggested, report.closed, asked.usage if asked else None, prices, as_json)


def _say_estimate(items: int, requests: int, tokens_in: int, tokens_out: int, cost: float) -> None:
    money = f", about {cost:.4f} at these prices" if cost else ""
    size = f"about {tokens_in:,} tokens in and {tokens_out:,} out{money}"
    say(f"{items} images; {requests} requests at least: {size}.", err=True)


def _report(
    findings: Sequence[Finding],
    suggested: int,
    closed: str,
    usage: Usage | None,
    prices: tuple[float, float],
    as_json: bool,
) -> None:
    counted = {} if usage is None else _counted(usage, prices)
    if as_json:
        print_json({"suggested": suggested, **counted, "closed": closed or None, "findings": findings_json(findings)})
    else:
        say_findings(findings)
        if usage:
            money = f", {usage.cost(*prices):.4f} at these prices" if any(prices) else ""
            size = f"{usage.tokens_in:,} tokens in and {usage.tokens_out:,} out{money}"
            say(f"{usage.requests} requests ({usage.cached} answers were here already): {size}.")
        say(f"{suggested} new suggestions: they lie before the annotators, who take them or not.")
    if closed:
        say(f"Stopped asking: {closed}", err=True)
        sys.exit(COULD_NOT_RUN)
    finish(errors(findings) > 0)


def _counted(usage: Usage, prices: tuple[float, float]) -> dict[str, float]:
    counts = {"requests": usage.requests, "cached": usage.cached}
    return {**counts, "tokens_in": usage.tokens_in, "tokens_out": usage.tokens_out, "cost": usage.cost(*prices)}
