"""The report on agreement: one document that the lead's page, `gatherset agreement` and its JSON all show.

Its shape: schemas/agreement_report.schema.json.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gatherset.annotate.caption_spread import caption_spread
from gatherset.annotate.gold import gold_scores
from gatherset.annotate.ledger import Ledger, current_ledger
from gatherset.dataset.agreement import Agreement, DawidSkene
from gatherset.dataset.spreadsheet import as_csv
from gatherset.dataset.workspace import Workspace

QUESTIONS = {"gathering": "Is it a gathering?", "event_type": "Which event type?"}
CSV_COLUMNS = ("question", "about", "name", "other", "images", "agreed", "alpha", "low", "high", "accuracy")
SHOWN = 20  # images on which the second opinion differs that the text lists


def agreement_report(workspace: Workspace, ledger: Ledger | None = None) -> dict[str, Any]:
    """How far the annotators agree, on both questions; retired work is left out."""
    with workspace.catalog.read() as connection:
        ledger = ledger or current_ledger(workspace, connection)
        spread = caption_spread(connection)
    known = workspace.taxonomy.names
    return {
        "schema_version": "1.0",
        "dataset": workspace.settings.name,
        "questions": _questions(workspace, ledger),
        "gold": {name: {"right": right, "answers": count} for name, (right, count) in gold_scores(workspace).items()},
        "captions": spread,
        "removed_types": [name for name in ledger.type_votes.values if name not in known],
    }


def _questions(workspace: Workspace, ledger: Ledger) -> dict[str, dict[str, Any]]:
    """The figures about both questions: those of the last report, where the ledger is still the same."""
    known = _kept.get(workspace.root)
    if known is None or known[0] is not ledger:
        votes = {"gathering": ledger.gathering_votes, "event_type": ledger.type_votes}
        known = _kept[workspace.root] = ledger, {name: question(agreement) for name, agreement in votes.items()}
    return known[1]


# Of each workspace the ledger whose figures were reckoned last, and these: it takes seconds where there are many
# answers, and the page asks for them at every click.
_kept: dict[Path, tuple[Ledger, dict[str, dict[str, Any]]]] = {}


def question(agreement: Agreement) -> dict[str, Any]:
    """All figures about one question."""
    interval = agreement.interval()
    # Where nobody can be compared the estimate would be made of its own assumptions.
    opinion = agreement.dawid_skene() if agreement.compared else None
    accuracy = opinion.accuracy if opinion else {}
    return {
        "images": len(agreement.units),
        "answers": agreement.answers,
        "annotators": len(agreement.annotators),
        "compared": agreement.compared,
        "alpha": agreement.alpha,
        "interval": list(interval) if interval else None,
        "undefined": undefined(agreement),
        "agreed": agreement.agreed,
        "per_value": agreement.per_value(),
        "pairs": [vars(pair) for pair in agreement.pairs()],
        "per_annotator": [
            {**vars(one), "accuracy": None if one.agreed is None else accuracy.get(one.name)}
            for one in agreement.per_annotator()
        ],
        "confusion": {"values": agreement.values, "matrix": agreement.confusion().round(6).tolist()},
        "second_opinion": second_opinion(agreement, opinion) if opinion else [],
    }


def undefined(agreement: Agreement) -> str | None:
    """Why there is no alpha; None where there is one."""
    if agreement.alpha is not None:
        return None
    if not agreement.units:
        return "nobody has answered"
    if len(agreement.annotators) == 1:
        return f"{agreement.annotators[0]} alone has answered: there is nobody to compare with"
    if not agreement.compared:
        return "no image was answered by two annotators"
    return "all answers are the same: nothing shows whether anybody could have told a difference"


def second_opinion(agreement: Agreement, opinion: DawidSkene) -> list[dict[str, Any]]:
    """The images where the estimate of Dawid and Skene is not what most annotators say, the surest first."""
    found = []
    for unit, votes in agreement.ballots().items():
        best = max(votes.values())
        most = sorted(value for value, count in votes.items() if count == best)
        if most != [opinion.truth[unit]]:
            one = {"image": unit, "votes": dict(votes), "most": most}
            found.append({**one, "estimate": opinion.truth[unit], "probability": opinion.probability[unit]})
    return sorted(found, key=lambda one: (-one["probability"], one["image"]))


def text_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """The report for a terminal."""
    for name, title in QUESTIONS.items():
        yield from _question_lines(title, document["questions"][name])
    if document["gold"]:
        yield "Images of known answer"
        for name, score in sorted(document["gold"].items()):
            yield f"  {name}: {score['right']} of {score['answers']} right"
        yield ""
    captions = document["captions"]
    if captions["records"]:
        of = "" if captions["records"] == captions["of"] else f", the first {captions['records']} by id"
        yield f"Captions of a record ({captions['of']} records{of})"
        yield f"  different pairs of words (distinct-2) {captions['distinct_2']:.3f}; 1: none comes twice"
        yield f"  likeness of two captions {captions['likeness']:.3f}; 1: the same"
        yield ""
    if document["removed_types"]:
        yield f"Not in the taxonomy any more, though chosen: {', '.join(document['removed_types'])}"


def _question_lines(title: str, found: Mapping[str, Any]) -> Iterator[str]:
    yield title
    yield (
        f"  {found['answers']} answers of {found['annotators']} annotators to {found['images']} images; "
        f"{found['compared']} images have two or more"
    )
    if found["undefined"]:
        yield f"  Krippendorff's alpha is undefined: {found['undefined']}"
    else:
        low, high = found["interval"]
        yield f"  Krippendorff's alpha {found['alpha']:.3f} (95 %: {low:.3f} to {high:.3f})"
    if found["agreed"] is not None:
        yield f"  of all pairs of answers to one image, {found['agreed']:.1%} are the same"
    if found["alpha"] is not None:
        yield from _values(found["per_value"])
    yield from _annotators(found["per_annotator"])
    for pair in found["pairs"]:
        yield (
            f"  {pair['first']} and {pair['second']}: {pair['agreed']:.1%} of {pair['units']} images, "
            f"alpha {_number(pair['alpha'])}"
        )
    others = found["second_opinion"]
    if others:
        yield f"  Dawid and Skene would decide {len(others)} images otherwise than most annotators, or break a tie:"
        for one in others[:SHOWN]:
            said = ", ".join(f"{value} {count}" for value, count in sorted(one["votes"].items()))
            yield f"    {one['image']}: {one['estimate']} ({one['probability']:.2f}; votes: {said})"
        if len(others) > SHOWN:
            yield f"    and {len(others) - SHOWN} more (all of them: --json)"
    yield ""


def _values(per_value: Mapping[str, float | None]) -> Iterator[str]:
    yield "  alpha of each answer against all others, the least clear first:"
    for value, alpha in sorted(per_value.items(), key=lambda item: (2 if item[1] is None else item[1], item[0])):
        yield f"    {value}: {_number(alpha)}"


def _annotators(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in found:
        with_others = "nobody else answered those" if one["agreed"] is None else f"as the others {one['agreed']:.1%}"
        accuracy = "" if one["accuracy"] is None else f", right by Dawid and Skene {one['accuracy']:.1%}"
        yield f"  {one['name']}: {one['units']} images, {with_others}{accuracy}"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def as_table(document: Mapping[str, Any]) -> str:
    """The report as one CSV table: a line for each figure's subject; `about` says what `name` and `other` are."""
    return as_csv(CSV_COLUMNS, _csv_rows(document))


def _csv_rows(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, found in document["questions"].items():
        low, high = found["interval"] or (None, None)
        overall = {"images": found["compared"], "agreed": found["agreed"], "alpha": found["alpha"]}
        yield {"question": name, "about": "all", **overall, "low": low, "high": high}
        for value, alpha in found["per_value"].items():
            yield {"question": name, "about": "answer", "name": value, "alpha": alpha}
        for pair in found["pairs"]:
            names = {"name": pair["first"], "other": pair["second"], "images": pair["units"]}
            yield {"question": name, "about": "pair", **names, "agreed": pair["agreed"], "alpha": pair["alpha"]}
        for one in found["per_annotator"]:
            about = {"about": "annotator", "name": one["name"], "images": one["units"]}
            yield {"question": name, **about, "agreed": one["agreed"], "accuracy": one["accuracy"]}
        values = found["confusion"]["values"]
        for first, row in zip(values, found["confusion"]["matrix"], strict=True):
            for second, count in zip(values, row, strict=True):
                met = {"name": first, "other": second, "images": count}
                yield {"question": name, "about": "confusion", **met}
    for person, score in document["gold"].items():
        right = {"name": person, "images": score["answers"], "accuracy": score["right"] / score["answers"]}
        yield {"question": "known answer", "about": "annotator", **right}
