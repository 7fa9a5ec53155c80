"""What a detector names in the test images of a release: for the floor that knows nothing else of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gatherset.baselines.detectors import OnnxDetector
from gatherset.baselines.runs import write_json
from gatherset.dataset.errors import InputError
from gatherset.dataset.images import opened
from gatherset.dataset.progress import progress

if TYPE_CHECKING:
    from gatherset.dataset.loading import Release

LEAST_SCORE = 0.3  # of a thing that is named

# The 80 classes of COCO, in the order in which YOLOX numbers them.
COCO = """person|bicycle|car|motorcycle|airplane|bus|train|truck|boat|traffic light|fire hydrant|stop sign|
parking meter|bench|bird|cat|dog|horse|sheep|cow|elephant|bear|zebra|giraffe|backpack|umbrella|
handbag|tie|suitcase|frisbee|skis|snowboard|sports ball|kite|baseball bat|baseball glove|skateboard|
surfboard|tennis racket|bottle|wine glass|cup|fork|knife|spoon|bowl|banana|apple|sandwich|orange|
broccoli|carrot|hot dog|pizza|donut|cake|chair|couch|potted plant|bed|dining table|toilet|tv|
laptop|mouse|remote|keyboard|cell phone|microwave|oven|toaster|sink|refrigerator|book|clock|vase|
scissors|teddy bear|hair drier|toothbrush""".replace("\n", "").split("|")


def seen_in(release: Release, detector: str, folder: Path, report: Callable[[str], None]) -> dict[str, list[str]]:
    """The names of the things in each test image; kept in `folder`, so that they are looked for once.

    InputError where `detector` is no .onnx file of 80 classes.
    """
    if not detector.endswith(".onnx"):
        raise InputError(f"{detector} is no .onnx file", "Name a YOLOX model of the 80 classes of COCO")
    model = OnnxDetector(Path(detector))
    path = folder / f"seen-{model.weights_sha256[:8]}-{release.content_hash[:8]}.json"
    if path.exists():
        known: dict[str, list[str]] = json.loads(path.read_text("utf-8"))
        return known
    test, seen = release["test"], {}
    report(f"{model.name} looks at {len(test.ids)} images")
    for row, record in enumerate(progress(test.ids, total=len(test.ids), label="images looked at")):
        with opened(test.image_bytes(row)) as image:
            numbers = model.classes(image.convert("RGB"), LEAST_SCORE)
        if max(numbers, default=0) >= len(COCO):
            raise InputError(f"{detector} knows other classes than the {len(COCO)} of COCO", "Name another model")
        seen[record] = [COCO[number] for number in numbers]
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, seen)
    return seen
