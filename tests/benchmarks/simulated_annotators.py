"""Ten annotators of known accuracy: how often the majority and the estimate of Dawid and Skene find the planted truth.

Run it: python tests/benchmarks/simulated_annotators.py (seconds). Prints the table of docs/results/agreement.md.
"""

from __future__ import annotations

import statistics
from collections import Counter

import numpy as np

from gatherset.dataset.agreement import Agreement, Answer

ACCURACIES = (0.95, 0.90, 0.90, 0.85, 0.80, 0.75, 0.70, 0.60, 0.50, 0.30)
UNITS, TYPES, SEEDS = 500, 10, 10
# The types that an annotator who errs mistakes for each other, as neighbours do; without: any other type.
CONFUSED = {kind: kind ^ 1 for kind in range(TYPES)}


def simulated(seed: int, per_unit: int, *, confusing: bool) -> tuple[list[Answer], dict[str, str]]:
    """Answers of `per_unit` annotators, drawn anew for each unit, and the truth."""
    random = np.random.default_rng(seed)
    found, truth = [], {}
    for unit in range(UNITS):
        own = int(random.integers(TYPES))
        truth[f"u{unit}"] = str(own)
        for annotator in random.choice(len(ACCURACIES), per_unit, replace=False):
            right = random.random() < ACCURACIES[annotator]
            other = CONFUSED[own] if confusing else int((own + random.integers(1, TYPES)) % TYPES)
            found.append(Answer(f"u{unit}", f"a{annotator}", str(own if right else other)))
    return found, truth


def majority(agreement: Agreement) -> dict[str, str]:
    """What most say; of a tie the first by name, so that it is right as often as a coin would be."""
    return {unit: max(sorted(votes), key=votes.__getitem__) for unit, votes in agreement.ballots().items()}


def ties(agreement: Agreement) -> float:
    ballots = [Counter(votes.values()) for votes in agreement.ballots().values()]
    return sum(votes[max(votes)] > 1 for votes in ballots) / len(ballots)


def right(said: dict[str, str], truth: dict[str, str]) -> float:
    return sum(said[unit] == value for unit, value in truth.items()) / len(truth)


def line(per_unit: int, *, confusing: bool) -> str:
    rows = []
    for seed in range(SEEDS):
        answers, truth = simulated(seed, per_unit, confusing=confusing)
        agreement = Agreement(answers)
        opinion = agreement.dawid_skene()
        errors = [abs(opinion.accuracy[f"a{n}"] - known) for n, known in enumerate(ACCURACIES)]
        most, estimated = right(majority(agreement), truth), right(opinion.truth, truth)
        rows.append((agreement.alpha or 0, ties(agreement), most, estimated, statistics.fmean(errors)))
    alpha, tied, most, estimated, error = (statistics.fmean(column) for column in zip(*rows, strict=True))
    wins = sum(row[3] > row[2] for row in rows)
    kind = "the neighbour" if confusing else "any other type"
    cells = f"{alpha:.3f} | {tied:.1%} | {most:.1%} | {estimated:.1%} | {wins} of {SEEDS} | {error:.3f}"
    return f"| {per_unit} | {kind} | {cells} |"


def main() -> None:
    print(
        "| answers an image | who errs names | alpha | ties | majority right | Dawid, Skene right | better in | error |"
    )
    print("|---:|---|---:|---:|---:|---:|---:|---:|")
    for per_unit in (2, 3, 5, 10):
        for confusing in (False, True):
            print(line(per_unit, confusing=confusing))


if __name__ == "__main__":
    main()
