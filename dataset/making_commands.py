"""The shell commands of making a dataset out of what there is: measure, filter, merge, stats."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gatherset.dataset.commands import captions_options, say_ingested
from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import as_json as findings_json
from gatherset.dataset.findings import errors
from gatherset.dataset.shell import finish, json_option, print_json, say, say_findings, workspace_option

if TYPE_CHECKING:
    from gatherset.dataset.candidates import CaptionFile, Offer
    from gatherset.dataset.filtering import FilterFigures
    from gatherset.dataset.statistics import Statistics


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("parts", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--engine",
    type=click.Choice(["processes", "daft"]),
    default="processes",
    show_default=True,
    help="daft: needs gatherset[scale].",
)
@click.option("--ray", metavar="ADDRESS", help="With daft: the Ray cluster, as ray://host:10001; auto: this machine's.")
@captions_options
def measure(folder: Path, parts: Path, engine: str, ray: str | None, captions: CaptionFile | None) -> None:
    """Decode, hash and measure the images in FOLDER into PARTS, Parquet files for gatherset ingest.

    For what many machines are to share, or for what is to be ingested later: it needs no workspace. A run that was
    stopped goes on at the part it had reached.

    Example: gatherset measure photos parts && gatherset ingest parts --license CC-BY-4.0
    """
    from gatherset.dataset.bulk import Measuring, in_processes
    from gatherset.dataset.candidates import offered
    from gatherset.dataset.parts import count_parts, write_parts
    from gatherset.dataset.scale import in_daft
    from gatherset.dataset.settings import ImageSettings

    if ray and engine != "daft":
        raise InputError("a Ray cluster is used by Daft", "Say so: --engine daft")
    offer = offered(folder, captions)
    limits = ImageSettings()
    measuring = Measuring(limits.max_pixels, carry=True)
    run = partial(in_daft, ray=ray) if engine == "daft" else in_processes
    measured = write_parts(offer.candidates, measuring, parts, run)
    say_findings(offer.findings)
    say(f"{count_parts(parts)} images in {parts}: {measured} measured now.")
    finish(errors(offer.findings) > 0)


@click.command("filter")
@click.argument("source", required=False, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--dictionary",
    "own",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Instead of gathering_dictionary.json in the workspace, or the one that Gatherset brings.",
)
@click.option("--draw", default=0, show_default=True, type=click.IntRange(0), help="Others to screen, for recall.")
@click.option("--seed", default=0, show_default=True, help="Of what is drawn.")
@click.option("--license", help="SPDX id or LicenseRef-…, for images that name none.")
@click.option("--dataset", help="The collection they come from. Default: the folder's name.")
@click.option("--list", "listed", type=click.Path(path_type=Path), help="Only write the names of what matches here.")
@click.option(
    "--screened",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Only measure the dictionary against an annotator's answers (CSV: image, is_gathering). Repeatable.",
)
@captions_options
@workspace_option
@json_option
def filter_(
    source: Path | None,
    own: Path | None,
    draw: int,
    seed: int,
    license: str | None,
    dataset: str | None,
    listed: Path | None,
    screened: tuple[Path, ...],
    captions: CaptionFile | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Choose images of mass gatherings out of a collection by its captions, for people to screen (EDAN section 4.1).

    SOURCE is a folder as for gatherset ingest. What the gathering dictionary matches comes into the workspace as its
    filtered part, and is screened in the app: the text first, then whether the image fits. With --draw, some that do
    not match are screened as well. Without SOURCE: precision and recall against what was screened so far.

    SOURCE may be a caption file where images are not needed: with --list, or with --screened.

    Example: gatherset filter Flicker8k_Dataset --captions Flickr8k.token.txt --draw 200
    """
    from gatherset.dataset.candidates import Offer, offered
    from gatherset.dataset.filtering import figures, screened_by_files, screened_in, sift, workspace_dictionary
    from gatherset.dataset.gathering_dictionary import load_dictionary
    from gatherset.dataset.ingest import Provenance, bring_in, collection_name, require_license
    from gatherset.dataset.store import write_whole
    from gatherset.dataset.workspace import Workspace

    if source is None:
        space = Workspace.open(workspace)
        dictionary = load_dictionary(own) if own else workspace_dictionary(space.root)
        known = screened_in(space, dictionary)
        result = figures(dictionary, known.images)
        _say_figures(result, as_json, waiting=known.waiting, not_fitting=known.not_fitting)
        return
    space_or_none = None if (listed or screened) and workspace is None else Workspace.open(workspace)
    dictionary = load_dictionary(own) if own else workspace_dictionary(space_or_none.root if space_or_none else None)
    texts_alone = (listed or screened) and source.is_file() and source.suffix != ".tar"
    offer = _texts(source, captions) if captions and texts_alone else offered(source, captions)
    if screened:
        texts = [(c.ref, c.entry.captions) for c in offer.candidates if c.entry]
        _say_figures(figures(dictionary, screened_by_files(texts, screened)), as_json)
        return
    provenance = Provenance("filtered", license, dataset)
    require_license(provenance)
    sifted = sift(offer.candidates, dictionary, collection_name(source), 0 if listed else draw, seed)
    counts = {"matched": len(sifted.matched), "unmatched": sifted.unmatched, "uncaptioned": sifted.uncaptioned}
    if not as_json:
        share = len(sifted.matched) / max(1, len(offer.candidates))
        none = f"; {sifted.uncaptioned} have no captions" if sifted.uncaptioned else ""
        say(f"{len(sifted.matched)} of {len(offer.candidates)} images match ({share:.1%}){none}.")
    if listed:
        write_whole(listed, "".join(f"{candidate.ref}\n" for candidate in sifted.matched).encode())
        say_findings(offer.findings)
        if as_json:
            print_json({**counts, "findings": findings_json(offer.findings)})
        finish(errors(offer.findings) > 0)
        return
    if sifted.drawn and not as_json:
        say(f"{len(sifted.drawn)} of the {sifted.unmatched} others were drawn, to be screened as well.")
    chosen = Offer(sifted.candidates, offer.findings, len(sifted.candidates))
    assert space_or_none is not None
    report = bring_in(space_or_none, chosen, provenance, collection_name(source), isolated=True)
    say_ingested(report, as_json, **counts, drawn=len(sifted.drawn))


def _texts(path: Path, captions: CaptionFile) -> Offer:
    """What a caption file says of images that nobody looks at."""
    from gatherset.dataset.candidates import Candidate, Offer
    from gatherset.dataset.places import Place
    from gatherset.dataset.sources.known import read_captions

    if captions.path != path:
        raise InputError("there are two caption files", f"Name one: --captions {captions.path}, or {path}")
    entries, findings = read_captions(path, captions.form, captions.columns)
    found = [Candidate(Place(path), entry.where(path), name, entry) for name, entry in entries.items()]
    return Offer(found, findings, len(found))


def _say_figures(result: FilterFigures, as_json: bool, *, waiting: int = 0, not_fitting: int = 0) -> None:
    if as_json:
        print_json({**asdict(result), "waiting": waiting, "text_does_not_fit": not_fitting})
        return
    if not result.screened:
        say(f"Nothing has been screened yet; {waiting} images wait: gatherset app")
        return
    more = f"; {waiting} wait" if waiting else ""
    unfit = f", {not_fitting} of the others by their picture alone" if not_fitting else ""
    say(f"Screened: {result.screened} images, {result.gatherings} of them gatherings{unfit}{more}.")
    say(f"The dictionary matches {result.matched}, {result.right} of them gatherings.")
    say(f"Precision {result.precision or 'unknown: nothing matches'}")
    say(f"Recall {result.recall or 'unknown: nothing that does not match was screened (see --draw)'}")


@click.command()
@click.argument("others", nargs=-1, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--likeness",
    default=0.9,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="Caption sets whose TF-IDF cosine is at least this are copies.",
)
@click.option("--drop", is_flag=True, help="Drop the copies; without it they are only listed.")
@workspace_option
@json_option
def merge(others: tuple[Path, ...], likeness: float, drop: bool, workspace: Path | None, as_json: bool) -> None:
    """Join the parts of a dataset, and drop what is there twice (EDAN section 4.3).

    OTHERS are workspaces whose images and records come into this one. Copies are near-duplicate images
    (rules.near_duplicate_distance) and caption sets that are nearly the same. With --drop, a record among them is
    withdrawn and any other image rejected, with the reason; without, they are listed, and the overlap of the parts.

    Example: gatherset merge ../web-part --drop
    """
    from gatherset.dataset.findings import Finding
    from gatherset.dataset.merging import drop_copies, find_copies, join
    from gatherset.dataset.workspace import Workspace

    space = Workspace.open(workspace)
    findings: list[Finding] = []
    joined: dict[str, dict[str, int]] = {}
    for path, other in [(path, Workspace.open(path)) for path in others]:  # all are there before the first is joined
        came = join(space, other)
        joined[str(path)] = {"images": came.images, "records": came.records, "there": came.there}
        findings += came.findings
        if not as_json:
            say(f"{path}: {came.images} images came in, {came.records} with a record; {came.there} were here already.")
    found = find_copies(space, likeness=likeness)
    dropped = drop_copies(space, found.copies) if drop else 0
    overlap = [
        {"part": part, "copies_in": other, "copies": count} for (part, other), count in found.overlap.most_common()
    ]
    if as_json:
        copies = [asdict(copy) for copy in found.copies]
        parts = {"joined": joined, "parts": dict(found.parts), "overlap": overlap, "copies": copies}
        print_json({**parts, "dropped": dropped, "findings": findings_json(findings)})
    else:
        say_findings(findings)
        say("\n".join(f"{part}: {count} images" for part, count in sorted(found.parts.items())))
        for row in overlap:
            say(f"{row['copies_in']} repeats {row['copies']} of {row['part']}")
        for copy in [] if drop else found.copies:
            say(f"{copy.image}: {copy}")
        say(f"{dropped} copies dropped." if drop else f"{len(found.copies)} copies found; --drop keeps them out.")
    finish(errors(findings) > 0)


@click.command()
@click.argument("target", required=False)
@click.option(
    "--features",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A feature file of it: how close the images lie.",
)
@click.option(
    "--beside",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A feature file of another dataset, to compare with. Needs --features.",
)
@click.option("--figures", type=click.Path(path_type=Path, file_okay=False), help="Write figures here, as SVG and PNG.")
@click.option("--seed", default=0, show_default=True, help="Of the samples, and of t-SNE.")
@workspace_option
@json_option
def stats(
    target: str | None,
    features: Path | None,
    beside: Path | None,
    figures: Path | None,
    seed: int,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Statistics of the workspace's records, or of TARGET, a release (EDAN section 5.2).

    The row of the paper's Table 1, lengths and words of the captions, how even the event types are, sources and
    licences. With --features, the semantic density: the mean distance of an image to its nearest neighbours, beside
    another dataset's, and with --figures their t-SNE.

    Example: gatherset stats mg@1.0.0 --figures figures
    """
    from gatherset.dataset.density import densities, embedded, image_vectors, require_same_extractor
    from gatherset.dataset.features import FeatureFile

    if beside and not features:
        raise InputError("--beside compares with the features of this dataset", "Name them: --features FILE")
    counted = _statistics(target, workspace)
    document = counted.document()
    lines = counted.text()
    points = None
    if features:
        files = [FeatureFile.open(path) for path in (features, beside) if path]
        require_same_extractor(files[0], files[-1])
        vectors = [image_vectors(file) for file in files]
        names = [counted.name, *(f"{file.header.release_name}@{file.header.release_version}" for file in files[1:])]
        if len(set(names)) < len(names):
            names[1] = f"{names[1]} (the other)"
        found = dict(zip(names, densities(*vectors, seed=seed), strict=True))
        document["density"] = {name: one.document() for name, one in found.items()}
        lines += ["", "Semantic density: mean cosine distance to the nearest neighbours (less is denser)"]
        lines += [
            f"  {one.distance:.4f} ± {one.deviation:.4f}  {name} ({one.sample} images, {one.neighbours} neighbours)"
            for name, one in found.items()
        ]
        points = dict(zip(names, embedded(*vectors, seed=seed), strict=True)) if figures else None
    if figures:
        from gatherset.dataset.figures import write_figures

        document["figures"] = [str(path) for path in write_figures(counted, figures, points)]
        lines += ["", f"{len(document['figures'])} files in {figures}"]
    if as_json:
        print_json(document)
    else:
        say("\n".join(lines))


def _statistics(target: str | None, workspace: Path | None) -> Statistics:
    from gatherset.dataset.loading import load
    from gatherset.dataset.records import current_records
    from gatherset.dataset.statistics import Statistics
    from gatherset.dataset.workspace import Workspace

    if target is not None:
        release = load(Path(target)) if Path(target).is_dir() else Workspace.open(workspace).release(target)
        return Statistics.of(f"{release.name}@{release.version}", release.records())
    space = Workspace.open(workspace)
    with space.catalog.read() as connection:
        counted = Statistics.of(space.settings.name, current_records(connection))
    if not counted.facts.records:
        raise InputError(f"the workspace {space.root} has no records yet", "Annotate first: gatherset app")
    return counted
