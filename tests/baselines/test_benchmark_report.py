import re

from gatherset.baselines.benchmark_report import _scatter, by_type, measures, summary, times


def row(seed: int, shift: float) -> dict[str, object]:
    of_type = {"image_to_text": [10 + shift, 20, 30], "text_to_image": [5 + shift, 20, 30], "images": 3, "captions": 15}
    kinds = ("image_to_text", "text_to_image", "image_to_text_same_type", "text_to_image_same_type")
    return {
        "method": "saf", "label": "none", "seed": seed,
        "recall": {"one_per_cent": [10 + shift, 20 + shift], "rsum": 100 + shift},
        "precision": {kind: 30 + 10 * place + shift for place, kind in enumerate(kinds)},
        "event": {"average_precision": 70 + shift, "f1": 80 + shift},
        "by_type": {"protest": of_type, "festival": {**of_type, "images": 4}},
        "speed": {"encode_images": 1 + shift, "encode_captions": 2, "score": 3, "rank": 4},
        "training_seconds": 60 + shift,
        "folds": {"folds": 2, "rsum": 200 + shift},
    }  # fmt: skip


DOCUMENT = {"rows": [row(0, 0), row(1, 2)], "missing": []}


def cells(table: str) -> list[list[str]]:
    head, _, *lines = ([cell.strip() for cell in line.strip("| ").split("|")] for line in table.splitlines())
    return [head, *lines]


def test_measures_and_times_are_means_over_the_seeds() -> None:
    head, line = cells(measures(DOCUMENT))
    assert head[:2] == ["model", "R@1% i2t"]  # no event types: the column is left out
    assert line == ["saf", "11.0", "21.0", "31.0", "41.0", "51.0", "61.0", "71.0", "81.0", "201.0"]
    assert cells(times(DOCUMENT))[1] == ["saf", "2.00", "2.00", "3.00", "4.00", "61"]


def test_each_type_has_its_images_and_both_directions() -> None:
    assert cells(by_type(DOCUMENT)) == [["model", "festival (4)", "protest (3)"], ["saf", "11 / 6", "11 / 6"]]


def test_the_best_of_each_column_is_bold() -> None:
    models = [
        {"method": name, "label": "none", "seeds": 0, "image_to_text": [best, 2, 3], "text_to_image": [4, 5, 6],
         "rsum": best + 20, "rsum_interval": [1, 2], "rsum_deviation": None, "minus_edan": None}
        for name, best in (("cca", 1), ("edan", 2))
    ]  # fmt: skip
    _, cca, edan = cells(summary({"models": models, "missing": []}))
    assert cca == ["cca", "1.0", "**2.0**", "**3.0**", "**4.0**", "**5.0**", "**6.0**", "21.0", "1.0 to 2.0"]
    assert (edan[1], edan[7]) == ("**2.0**", "**22.0**")


def test_names_in_the_figure_lie_on_no_other_name_and_no_point() -> None:
    crowd = [(10 * 1.05**number, 300.0 - number % 3, f"model-{number}") for number in range(9)]
    drawn = _scatter([*crowd, (90.0, 100.0, "far away")])
    texts = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" text-anchor="(start|end)">(model-\d)<', drawn)
    boxes = [(float(x) - 56 * (anchor == "end"), float(y) - 11) for x, y, anchor, _ in texts]
    dots = [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawn)]
    assert len(boxes) == 9
    for i, (left, top) in enumerate(boxes):
        assert all(abs(left - x) >= 55 or abs(top - y) >= 13 for x, y in boxes[:i])
        assert not any(left < x < left + 56 and top < y < top + 14 for x, y in dots)
