"""The shell door: a table of commands, each imported when it is called, so that `gatherset --help` is quick."""

from __future__ import annotations

import os
import select
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

import gatherset
from gatherset.dataset.errors import GathersetError
from gatherset.dataset.shell import COULD_NOT_RUN, say

INTERRUPTED = 130  # what a shell expects after Ctrl-C
NOBODY_READS = 141  # and where nobody reads what is written
COMMANDS = {  # name: (module:object, what it does), in the order of a dataset's life
    "demo": ("gatherset.cli:demo", "Walk the whole line with synthetic images, or open the app on them."),
    "init": ("gatherset.annotate.account_commands:init", "Make a folder a new workspace."),
    "fetch": ("gatherset.dataset.web.commands:fetch", "Fetch the images of a list of URLs, for ingest."),
    "ingest": ("gatherset.dataset.commands:ingest", "Bring a folder of images and captions in."),
    "caption": ("gatherset.annotate.assist.commands:caption", "Have a model describe images, for a person to verify."),
    "expand": ("gatherset.annotate.assist.commands:expand", "Have a language model write the captions that lack."),
    "zeroshot": ("gatherset.baselines.event_label_commands:zeroshot", "Have CLIP suggest event types."),
    "app": ("gatherset.annotate.commands:app", "Annotate in the browser."),
    "account": ("gatherset.annotate.account_commands:account", "Who may come in, and as what."),
    "submissions": ("gatherset.annotate.commands:submissions", "Bring in answers given elsewhere."),
    "labelstudio": ("gatherset.annotate.labelstudio.commands:labelstudio", "Annotate in Label Studio."),
    "gold": ("gatherset.annotate.commands:gold", "Images of known answer: practice, and a measure."),
    "agreement": ("gatherset.annotate.commands:agreement", "How far the annotators agree."),
    "validate": ("gatherset.dataset.commands:validate", "Check a workspace, a release, a file of records."),
    "record": ("gatherset.dataset.commands:record", "Edit a record, excuse it from a rule, or withdraw it."),
    "split": ("gatherset.dataset.commands:split", "Give new records a split."),
    "release": ("gatherset.dataset.release_commands:release", "Build, compare, check and publish releases."),
    "pull": ("gatherset.dataset.release_commands:pull", "Fetch a published release."),
    "linkcheck": ("gatherset.dataset.web.commands:linkcheck", "Whether a release's images are still on the web."),
    "export": ("gatherset.dataset.export_commands:export", "Write a release in the form of another tool."),
    "features": ("gatherset.baselines.commands:features", "Extract image features of a release."),
    "train": ("gatherset.baselines.commands:train", "Train EDAN on a release."),
    "evaluate": ("gatherset.baselines.commands:evaluate", "Measure a trained model, or anyone's scores."),
    "benchmark": ("gatherset.baselines.commands:benchmark", "Train and compare the baselines on a release."),
    "suspects": ("gatherset.baselines.commands:suspects", "Find captions and types that are likely wrong."),
    "db": ("gatherset.dataset.care_commands:db", "Move the catalog to PostgreSQL and back."),
    "backup": ("gatherset.dataset.care_commands:backup", "Write the workspace into one file."),
    "restore": ("gatherset.dataset.care_commands:restore", "Make a workspace from a backup."),
    "doctor": ("gatherset.dataset.care_commands:doctor", "Look at what a workspace needs."),
    "specimens": ("gatherset.dataset.commands:specimens", "Draw synthetic gatherings to try things with."),
    "filter": ("gatherset.dataset.making_commands:filter_", "Choose gatherings out of a collection, to be screened."),
    "merge": ("gatherset.dataset.making_commands:merge", "Join parts and drop what is there twice."),
    "event-labels": ("gatherset.baselines.event_label_commands:event_labels", "Suggest event types, to be verified."),
    "stats": ("gatherset.dataset.making_commands:stats", "Statistics of a workspace or a release."),
    "measure": ("gatherset.dataset.making_commands:measure", "Measure many images, also on a cluster."),
}
EXTRAS = {
    "streamlit": "app",
    "starlette": "app",
    "argon2": "app",
    "authlib": "app",
    "torch": "baselines",
    "gensim": "baselines",
    "safetensors": "baselines",
    "tensorboardX": "baselines",
    "onnxruntime": "detectors",
    "transformers": "assist",
    "cv2": "faces",
    "markdown_it": "labelstudio",
    "matplotlib": "figures",
    "sklearn": "figures",
    "psycopg": "postgresql",
    "daft": "scale",
    "ray": "scale",
}


class LazyGroup(click.Group):
    """Lists its commands from the table and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whatever a person can mend is said in one line, with exit code 2."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise  # click's own ways to end
        except GathersetError as error:
            _fail(str(error))
        except ModuleNotFoundError as error:
            extra = EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                _fail(_fault(error))
            _fail(f"this needs {error.name}, which is not installed. Install it: pip install 'gatherset[{extra}]'")
        except KeyboardInterrupt:
            click.echo("Stopped. What was finished is kept; run the same command again to go on.", err=True)
            sys.exit(INTERRUPTED)
        except Exception as error:
            if isinstance(error, BrokenPipeError) and _nobody_reads():
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still wants to flush
                sys.exit(NOBODY_READS)
            _fail(_trouble(error) or _fault(error))


def _nobody_reads() -> bool:
    """`gatherset … | head`: whether the pipe that broke is the one we write to, and none of our own."""
    asked = select.poll()
    asked.register(sys.stdout.fileno(), 0)  # an error is told whatever is asked
    return any(event & select.POLLERR for _, event in asked.poll(0))


def _trouble(error: Exception) -> str:
    """In words, what goes wrong on machines rather than in programs; "" for anything else."""
    if isinstance(error, MemoryError):
        return "there is too little memory. Free some, then run it again."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a file'}: {error.strerror}. Make room or mend the permissions, then run it again."
    from sqlalchemy.exc import DBAPIError

    if isinstance(error, DBAPIError) and error.connection_invalidated:
        reason = (str(error.orig).strip().splitlines() or ["no reason given"])[0]
        return f"the database server has gone away: {reason}. See that it runs, then run it again."
    if isinstance(error, DBAPIError):
        return f"the catalog cannot be used: {error.orig}. Close what else uses it, or restore it from a backup."
    return ""


def _fault(error: Exception) -> str:
    """Shows where the program went wrong. The exit code is 2 all the same: a script would take 1 for findings."""
    traceback.print_exception(error)
    return "this is a fault of Gatherset itself. Report the lines above, with the command and gatherset --version."


def _fail(text: str) -> NoReturn:
    click.echo(f"gatherset: {text}", err=True)
    sys.exit(COULD_NOT_RUN)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(gatherset.__version__, prog_name="gatherset")
def main() -> None:
    """Build, annotate, release and benchmark an image-caption dataset of mass gatherings.

    Example: gatherset demo --headless
    """


@click.command()
@click.option("--headless", is_flag=True, help="No browser: all the way to the benchmark table.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("gatherset-demo"), show_default=True)
@click.option("--images", default=300, show_default=True, type=click.IntRange(100), help="Specimens to draw.")
@click.option("--port", default=8501, show_default=True, type=click.IntRange(1, 65535))
def demo(headless: bool, folder: Path, images: int, port: int) -> None:
    """Walk the whole line with synthetic images: each step is a command that you can run yourself.

    Example: gatherset demo --headless
    """
    for command, made in _demo_steps(folder, images, headless=headless):
        if made is not None and made.exists():
            continue  # by an earlier run
        say(f"\n$ gatherset {' '.join(command)}")
        main.main(command, standalone_mode=False)
    if not headless:
        main.main(["app", "-w", str(folder / "mg"), "--port", str(port)], standalone_mode=False)


def _demo_steps(folder: Path, images: int, *, headless: bool) -> list[tuple[list[str], Path | None]]:
    """The commands, each with what it makes where it must not be run again."""
    photos, mg = folder / "photos", folder / "mg"
    workspace = ["-w", str(mg)]
    waiting = 0 if headless else 24  # for the visitor to annotate
    steps: list[tuple[list[str], Path | None]] = [
        (["specimens", str(photos), "--count", str(images), "--unannotated", str(waiting)], photos),
        (["init", str(mg), "--alone"], mg / "gatherset.toml"),
        (["ingest", str(photos), *workspace], None),
        (["submissions", "import", str(photos / "annotator_a.csv"), "--as", "a", *workspace], None),
        (["submissions", "import", str(photos / "annotator_b.csv"), "--as", "b", *workspace], None),
    ]
    if headless:
        steps += [
            (["split", *workspace], None),
            (["validate", *workspace], None),
            (["release", "build", *workspace], mg / "releases" / "mg-1.0.0"),
            (["features", "--side", "224", *workspace], None),
            (["benchmark", *workspace], None),
        ]
    return steps


if __name__ == "__main__":
    main()
