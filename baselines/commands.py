"""The shell commands of the baselines: features, train, evaluate, benchmark, suspects."""

# torch takes seconds to import: every command imports what it needs when it is called, so that --help is quick.
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gatherset.dataset.shell import json_option, print_json, say, workspace_option

if TYPE_CHECKING:
    from gatherset.baselines.extractors import Pictured
    from gatherset.baselines.runs import Run
    from gatherset.dataset.features import FeatureFile
    from gatherset.dataset.loading import Release
    from gatherset.dataset.workspace import Workspace

PRESETS = click.Choice(["cpu", "paper"])
features_option = click.option(
    "--features", "features_path", type=click.Path(path_type=Path), help="A feature file. Default: the release's own."
)


@click.command()
@click.argument("release", required=False)
@click.option("--extractor", default="efficientnet_lite0", show_default=True, help="Which network looks at the images.")
@click.option("--side", default=448, show_default=True, type=click.IntRange(64, 2048), help="Its input, in pixels.")
@click.option("--detector", help="Its boxes are the regions: a YOLOX .onnx, or a folder or name for transformers.")
@click.option("--all", "whole", is_flag=True, help="All images of the workspace instead of a release, for `split`.")
@click.option("--from", "source", type=click.Path(path_type=Path), help="Import: *_ims.npy, .tsv, or a folder of .npz.")
@click.option("--names", type=click.Path(path_type=Path), help="For a .npy: the image name of each row.")
@workspace_option
@json_option
def features(
    release: str | None,
    extractor: str,
    side: int,
    detector: str | None,
    whole: bool,
    source: Path | None,
    names: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Extract the region features of RELEASE (default: the newest), or of the workspace, into one file; or import them.

    An interrupted run goes on where it stopped.

    Example: gatherset features mg@1.0.0 --side 448

    Example: gatherset features --all --side 224

    Example: gatherset features mg@1.0.0 --from test_ims.npy --names test_ids.txt
    """
    if whole and (release or source):
        raise click.UsageError("--all takes neither a RELEASE nor --from.")
    from gatherset.baselines.extractors import extract, make_extractor
    from gatherset.baselines.imported import import_features
    from gatherset.dataset.features import FeatureFile, file_name
    from gatherset.dataset.workspace import Workspace
    from gatherset.dataset.workspace_images import WorkspaceImages

    place = Workspace.open(workspace)
    if source is None:
        pictured: Pictured = WorkspaceImages(place) if whole else place.release(release)
        seen = f"-{Path(detector).stem}" if detector else ""
        path = place.features_folder / file_name(pictured, f"{extractor}{seen}-{side}")
        extract(pictured, make_extractor(extractor, side, detector), path)
    else:
        opened = place.release(release)
        path = place.features_folder / file_name(opened, f"imported-{source.stem}")
        import_features(opened, source, path, names)
    header = FeatureFile.open(path).header
    if as_json:
        print_json({"path": str(path), "images": len(header.ids), "extractor_hash": header.extractor.hash})
    else:
        say(f"{path}: {len(header.ids)} images, {header.regions} regions of {header.dim} numbers")


@click.command()
@click.argument("release", required=False)
@click.option("--preset", type=PRESETS, default="cpu", show_default=True, help="Size of model and training.")
@click.option(
    "--label",
    type=click.Choice(["oracle", "none"]),
    default="oracle",
    show_default=True,
    help="Train with the annotated event type of each image, or without.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of everything random.")
@click.option("--epochs", type=click.IntRange(1), help="At most. Default: the preset's.")
@click.option("--vectors", type=click.Path(path_type=Path), help="Word vectors to begin with: .bin, .kv, .txt or .npz.")
@click.option("--set", "switches", multiple=True, metavar="NAME=VALUE", help="Any setting of model or training.")
@click.option("--run", "name", help="Folder under runs/. Default: from preset, label and seed.")
@click.option("--device", default="cpu", show_default=True, help="cpu, or a GPU: cuda, cuda:1, mps.")
@features_option
@workspace_option
@json_option
def train(
    release: str | None,
    preset: str,
    label: str,
    seed: int,
    epochs: int | None,
    vectors: Path | None,
    switches: tuple[str, ...],
    name: str | None,
    device: str,
    features_path: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Train EDAN on RELEASE (default: the newest).

    The best epoch on the val split is kept. An interrupted run goes on after its last whole epoch. On several cores or
    machines: torchrun --nproc-per-node 2 -m gatherset.cli train; the negatives are then those of all processes.

    Example: gatherset train mg@1.0.0 --preset cpu --label oracle --seed 0

    Example: gatherset train mg@1.0.0 --set attention=self --run self
    """
    from dataclasses import replace

    from gatherset.baselines import edan, train, train_settings
    from gatherset.baselines.switches import switched
    from gatherset.dataset.workspace import Workspace

    train.join_processes()
    place = Workspace.open(workspace)
    opened = place.release(release)
    settings = replace(train_settings.PRESETS[preset], seed=seed)
    settings = replace(settings, epochs=epochs) if epochs else settings
    settings = replace(settings, start="word2vec") if vectors else settings
    shape, settings = switched(replace(edan.PRESETS[preset], label=label == "oracle"), settings, switches)
    folder = place.runs_folder / (name or f"{opened.name}-{opened.version}-edan-{preset}-{label}-{seed}")
    run = train.train(
        opened,
        _features(place, opened, features_path),
        folder,
        shape=shape,
        settings=settings,
        vectors=vectors,
        groups={kind.name: kind.group for kind in place.taxonomy.types},
        device=device,
        report=lambda line: click.echo(line, err=True),
    )
    if as_json:
        print_json({"run": str(run.folder), "theta": float(run.edan.theta)})
    else:
        say(f"{run.folder} is trained. Measure it with: gatherset evaluate {run.folder.name}")


@click.command()
@click.argument("run", required=False)
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test"]),
    default="test",
    show_default=True,
    help="Which records to measure it on.",
)
@click.option("--scores", type=click.Path(path_type=Path), help="Instead of a run: a .npy matrix [images, captions].")
@click.option("--captions-per-image", default=5, show_default=True, type=click.IntRange(1), help="For --scores.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="Of words with regions, in EDAN and SCAN.",
)
@features_option
@workspace_option
@json_option
def evaluate(
    run: str | None,
    split: str,
    scores: Path | None,
    captions_per_image: int,
    precision: str,
    features_path: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Measure RUN, a trained model, or any matrix of scores: recall in both directions.

    A run trained with event types is measured with the annotated and with guessed ones. The run's folder gets the
    result and report.html: curves, where the event looks in some images, and what they and their captions retrieve.

    Example: gatherset evaluate mg-1.0.0-edan-cpu-oracle-0

    Example: gatherset evaluate --scores scores.npy --captions-per-image 5
    """
    if (run is None) == (scores is None):
        raise click.UsageError("Give either a RUN or --scores FILE.")
    if scores is not None and precision != "float32":
        raise click.UsageError("--precision is of a RUN's scores.")
    import time

    from gatherset.baselines.benchmark import evaluate_run, evaluate_scores
    from gatherset.baselines.device import has_bfloat16
    from gatherset.baselines.report import write_report
    from gatherset.baselines.result import result_document, table
    from gatherset.baselines.runs import records_digest, write_json
    from gatherset.baselines.trainable import untrained_types
    from gatherset.dataset.records import SPLITS

    started = time.monotonic()
    if scores is not None:
        rows = [evaluate_scores(scores, captions_per_image)]
        document = result_document(rows, seconds=time.monotonic() - started)
    else:
        trained, release, features_file = _run_and_its_data(str(run), features_path, workspace)
        if precision == "bfloat16" and not has_bfloat16():
            click.echo("This processor has no bfloat16 of its own: float32 is faster here.", err=True)
        rows = evaluate_run(trained, release, features_file, split, half=precision == "bfloat16")
        if trained.label and (unseen := untrained_types(release, split)):
            click.echo(f"No training image shows {', '.join(unseen)}: as a label it says nothing.", err=True)
        document = result_document(
            rows,
            seconds=time.monotonic() - started,
            release=trained.config.release | {"records_sha256": records_digest(release, *SPLITS)},
            split=split,
            extractor_hash=trained.config.extractor_hash,
            precision=precision,
        )
        exact = precision == "float32"  # the run's own result and report are of these scores
        write_json(trained.folder / f"result-{split}{'' if exact else f'-{precision}'}.json", document)
        if exact and trained.config.model == "edan":
            write_report(trained, release, features_file, split)
    if as_json:
        print_json(document)
    else:
        say(table(rows))


@click.command()
@click.argument("release", required=False)
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Trainings of each model.")
@click.option(
    "--models",
    default="edan,cca,random",
    show_default=True,
    help="Which, by name and comma, or `all`: see docs/benchmark.md.",
)
@click.option(
    "--budget", type=PRESETS, default="cpu", show_default=True, help="One small setting for all, or the papers'."
)
@click.option("--epochs", type=click.IntRange(1), help="At most, for every model. Default: the budget's.")
@click.option("--detector", help="A YOLOX .onnx file: for the floor that knows only what a detector names.")
@click.option("--ablations", is_flag=True, help="Also the rows of the paper's Tables 3 and 5.")
@click.option("--device", default="cpu", show_default=True, help="cpu, or a GPU: cuda, cuda:1, mps.")
@features_option
@workspace_option
@json_option
def benchmark(
    release: str | None,
    seeds: int,
    models: str,
    budget: str,
    epochs: int | None,
    detector: str | None,
    ablations: bool,
    device: str,
    features_path: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Train and compare EDAN, its peers and floors on RELEASE (default: the newest).

    EDAN with the annotated event type (oracle), with one guessed from the caption (predicted), and without; the peers
    without. benchmark.json, benchmark.md and figures go into runs/, with a folder for each training; what is there is
    in the table too and not trained again. A training that fails is named, and the exit code is then 1.

    Example: gatherset benchmark mg@1.0.0 --seeds 3

    Example: gatherset benchmark mg@1.0.0 --models all --budget cpu

    Example: gatherset benchmark mg@1.0.0 --models edan,scan-t2i-lse,saf,cca --epochs 10
    """
    from gatherset.baselines.benchmark import run_benchmark
    from gatherset.baselines.benchmark_report import summary
    from gatherset.baselines.budgets import chosen
    from gatherset.dataset.shell import finish
    from gatherset.dataset.workspace import Workspace

    wanted = chosen(models)
    place = Workspace.open(workspace)
    opened = place.release(release)
    kind = f"{budget}-{epochs}-epochs" if epochs else budget  # a table has rows of one budget and as many epochs
    folder = place.runs_folder / f"{opened.name}-{opened.version}-benchmark-{kind}"
    _, document = run_benchmark(
        opened,
        _features(place, opened, features_path),
        folder,
        models=wanted,
        budget=budget,
        seeds=seeds,
        epochs=epochs,
        detector=detector,
        ablations=ablations,
        device=device,
        report=lambda line: click.echo(line, err=True),
    )
    if as_json:
        print_json(document)
    else:
        say(summary(document))
        say(f"More, and figures: {folder / 'benchmark.md'}")
    finish(any(one["seed"] is not None for one in document["missing"]))


@click.command()
@click.argument("run")
@click.option(
    "--folds", default=3, show_default=True, type=click.IntRange(2, 20), help="Trainings: one leaves out each."
)
@click.option("--no-queue", is_flag=True, help="Only look: put nothing before the reviewers.")
@features_option
@workspace_option
@json_option
def suspects(
    run: str, folds: int, no_queue: bool, features_path: Path | None, workspace: Path | None, as_json: bool
) -> None:
    """Find the captions and event types that are likely wrong in the release of RUN, and queue them for review.

    The release is cut into folds; each is judged by a model with the settings of RUN that was trained on the others.
    The run's folder gets suspects.html, with the pictures and reasons, and suspects.jsonl. Interrupted, it goes on
    where it was; what a person has settled is not brought up again.

    Example: gatherset suspects mg-1.0.0-edan-cpu-oracle-0
    """
    from dataclasses import asdict

    from gatherset.baselines.suspect_sheet import write_sheet
    from gatherset.baselines.suspects import find_suspects
    from gatherset.dataset.suspects import add_suspects
    from gatherset.dataset.workspace import Workspace

    trained, release, features_file = _run_and_its_data(run, features_path, workspace)
    found = find_suspects(trained, release, features_file, folds=folds, report=lambda line: click.echo(line, err=True))
    page = write_sheet(trained, release, found)
    added = None if no_queue else add_suspects(Workspace.open(workspace), trained.folder.name, found)
    if as_json:
        queued = None if added is None else asdict(added)
        print_json({"page": str(page), "queued": queued, "suspects": [asdict(suspect) for suspect in found]})
        return
    captions = sum(suspect.kind == "caption" for suspect in found)
    say(f"{release!r}: {captions} captions and {len(found) - captions} event types are doubted. See {page}")
    if added is not None:
        gone = f"; {added.gone} are no longer in the workspace as they were released" if added.gone else ""
        say(f"In the review queue: {added.new} new, {added.known} known{gone}.")


def _run_and_its_data(run: str, features_path: Path | None, workspace: Path | None) -> tuple[Run, Release, FeatureFile]:
    from gatherset.baselines.runs import load_run
    from gatherset.dataset.workspace import Workspace

    place = Workspace.open(workspace)
    trained = load_run(run if Path(run).is_dir() else place.runs_folder / run)
    release = place.release(f"{trained.config.release['name']}@{trained.config.release['version']}")
    return trained, release, _features(place, release, features_path)


def _features(place: Workspace, release: Release, path: Path | None) -> FeatureFile:
    """The feature file at `path`, else the only one of the release."""
    from gatherset.dataset.errors import FeaturesError
    from gatherset.dataset.features import FeatureFile, file_name

    if path is not None:
        return FeatureFile.open(path)
    found = sorted(place.features_folder.glob(file_name(release, "*")))
    if len(found) == 1:
        return FeatureFile.open(found[0])
    if found:
        raise FeaturesError(
            f"{release.name}@{release.version} has {len(found)} feature files", "Name one with --features"
        )
    raise FeaturesError(
        f"{release.name}@{release.version} has no features in {place.features_folder}",
        f"Run `gatherset features {release.name}@{release.version}`",
    )
