"""The shell commands that suggest event types: event-labels and zeroshot."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gatherset.dataset.shell import json_option, print_json, say, workspace_option

if TYPE_CHECKING:
    from gatherset.baselines.event_labels import Figures


@click.command("event-labels")
@click.option(
    "--method",
    type=click.Choice(["key words", "captions", "pictures", "captions and pictures"]),
    help="Default: the one that does best by cross-validation; key words where too little is labelled.",
)
@click.option(
    "--features",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A feature file of all images (gatherset features --all); without it the captions alone are read.",
)
@click.option("--measure", is_flag=True, help="Only measure: suggest nothing.")
@workspace_option
@json_option
def event_labels(
    method: str | None, features: Path | None, measure: bool, workspace: Path | None, as_json: bool
) -> None:
    """Suggest an event type for every image that waits for one, as a row that a person verifies (EDAN section 4.4).

    By the key words of the event types, and by a classifier of captions and pictures that is trained on the records
    there are. Beside each stands how often it is right, by cross-validation on these records. Repeated, it replaces
    its own suggestions.

    Example: gatherset features --all --side 224 && gatherset event-labels --features mg/features/*.feat
    """
    from gatherset.baselines.event_labels import KEYWORDS, as_document, cross_validated, figures, learnable, methods
    from gatherset.baselines.event_suggestions import labelled_images, put_suggestions, untyped_images
    from gatherset.dataset.errors import InputError, ModelError
    from gatherset.dataset.features import FeatureFile
    from gatherset.dataset.workspace import Workspace

    space = Workspace.open(workspace)
    seen = FeatureFile.open(features) if features else None
    known, waiting = labelled_images(space, seen), untyped_images(space, seen)
    measured: dict[str, Figures] = {}
    try:
        learnable(known)
        can = methods(space.taxonomy, waiting) if waiting.ids else methods(space.taxonomy, known)
        ways = {name: way for name, way in methods(space.taxonomy, known).items() if name in can}
        measured = {name: figures(known, cross_validated(known, way)) for name, way in ways.items()}
        best = max(measured, key=lambda name: measured[name].accuracy[0])
    except ModelError:
        ways, best = (
            methods(space.taxonomy, waiting if waiting.ids else known),
            KEYWORDS,
        )  # too little is labelled to measure anything
    chosen = method or best
    if chosen not in ways:
        raise InputError(f"these images cannot be judged by {chosen}", f"They can by: {', '.join(ways) or 'nothing'}")
    guesses = [] if measure else ways[chosen](known, waiting)
    put = {} if measure else put_suggestions(space, waiting.ids, guesses, chosen)
    if as_json:
        shown = {name: as_document(of) for name, of in measured.items()}
        print_json({"labelled": len(known.ids), "methods": shown, "chosen": chosen, "suggested": dict(put)})
        return
    say(f"{len(known.ids)} images are labelled, {len(waiting.ids)} wait for a type.")
    for name, of in measured.items():
        say(_line(name, of))
    if not measured:
        say("Too few are labelled to say how often a suggestion is right.")
    if not measure:
        types = ", ".join(f"{kind} {count}" for kind, count in Counter(put).most_common())
        say(f"Suggested by {chosen}: {sum(put.values())} ({types or 'none'}).")


@click.command()
@click.option(
    "--model", default="openai/clip-vit-base-patch32", show_default=True, help="A folder, or a name on a hub."
)
@click.option("--limit", type=click.IntRange(1), help="So many images at most.")
@workspace_option
@json_option
def zeroshot(model: str, limit: int | None, workspace: Path | None, as_json: bool) -> None:
    """Have CLIP compare the images that wait with the definitions of the event types, and suggest the likeliest.

    An annotator takes it or not; its probability stands with it. Run it again to go on.

    Example: gatherset zeroshot --model openai/clip-vit-base-patch32
    """
    from gatherset.baselines.zero_shot import ZeroShot, suggest_types
    from gatherset.dataset.findings import as_json as findings_json
    from gatherset.dataset.findings import errors
    from gatherset.dataset.shell import finish, say_findings
    from gatherset.dataset.workspace import Workspace

    place = Workspace.open(workspace)
    report = suggest_types(place, ZeroShot(model, place.taxonomy), limit)
    if as_json:
        found = findings_json(report.findings)
        print_json({"images": report.images, "suggested": report.suggested, "findings": found})
    else:
        say_findings(report.findings)
        say(f"{report.images} images looked at, {report.suggested} new suggestions: annotators take them or not.")
    finish(errors(report.findings) > 0)


def _line(name: str, of: Figures) -> str:
    accuracy, macro = of.accuracy, of.macro_f1
    return (
        f"{name}: accuracy {accuracy[0]:.1%} ({accuracy[1]:.1%} to {accuracy[2]:.1%}), macro F1 {macro[0]:.2f} "
        f"({macro[1]:.2f} to {macro[2]:.2f}); an estimated {of.seconds_saved():.1f} s an image saved"
    )
