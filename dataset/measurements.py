"""What is measured on a release after it was built: links, semantic density, benchmarks. It may grow, beside it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
from numpy.typing import NDArray

from gatherset import schemas
from gatherset.dataset.errors import InputError, ReleaseError
from gatherset.dataset.features import FeatureFile
from gatherset.dataset.loading import Release
from gatherset.dataset.progress import progress
from gatherset.dataset.release_folder import MEASUREMENTS, write_json
from gatherset.dataset.timestamps import now

SAMPLE = 300  # images, as in Figure 6 of the EDAN paper
DRAWS = 20  # samples, for the spread
THREADS = 16
TIMEOUT = 20  # seconds for one link


def link_rot(release: Release) -> dict[str, Any]:
    """Whether the web addresses that the images came from still answer, without fetching the images.

    Only what a server says is not there (404, 410) is gone. A refusal (403, 429, …) says nothing of the image, and what
    cannot be reached may be tomorrow.
    """
    urls = sorted({record["source"]["url"] for record in release.records() if record["source"]["url"]})
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(progress(pool.map(_answer, urls), total=len(urls), label="links"))
    found: dict[str, list[str]] = {outcome: [] for outcome in ("there", "gone", "refused", "unreachable")}
    for url, answer in zip(urls, answers, strict=True):
        found[_outcome(answer)].append(url)
    counts = {"links": len(urls), "there": len(found.pop("there")), "answers": dict(sorted(Counter(answers).items()))}
    return _document(release, "links", {**counts, **found})


def _outcome(answer: str) -> str:
    status = int(answer) if answer.isdecimal() else 0
    if 200 <= status < 300:
        return "there"
    if status in (404, 410):
        return "gone"
    return "refused" if 400 <= status < 500 else "unreachable"  # a redirection that is left over leads nowhere


def _answer(url: str) -> str:
    """The status that a server gives, or why there is none."""
    if not url.lower().startswith(("http://", "https://")):  # nobody vouches for them: no file://
        return "no web address"
    answer = _ask(url, "HEAD")
    return _ask(url, "GET") if answer in ("405", "501") else answer  # some servers know no HEAD


def _ask(url: str, method: str) -> str:
    headers = {"User-Agent": "gatherset link check"} | ({"Range": "bytes=0-0"} if method == "GET" else {})
    try:
        request = urllib.request.Request(url, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return str(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return str(error.code)
    except TimeoutError:
        return "timeout"
    except (OSError, ValueError, HTTPException) as error:
        return "timeout" if isinstance(getattr(error, "reason", None), TimeoutError) else "unreachable"


def semantic_density(release: Release, features: Path, *, seed: int = 0) -> dict[str, Any]:
    """How close the images are to each other: what Figure 6 of the EDAN paper shows by t-SNE, as numbers.

    The mean cosine similarity of all pairs among 300 images, on the mean of each image's region features, over 20
    samples; and the same within each event type. Comparable only between releases with the same extractor.
    """
    file = FeatureFile.open(features)
    file.require(release)
    ids, types = [], []
    for split in release.pulled_splits:
        ids += release[split].ids
        types += release[split].event_types
    if len(ids) < 2:
        raise ReleaseError(f"{release} has too few images", "Two at least are needed")
    vectors = _unit_vectors(file, ids)
    generator = np.random.default_rng(seed)
    size = min(SAMPLE, len(ids))
    draws = [_mean_similarity(vectors[generator.choice(len(ids), size, replace=False)]) for _ in range(DRAWS)]
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(types):
        rows[name].append(row)
    within = {
        name: round(_mean_similarity(vectors[those]), 4) for name, those in sorted(rows.items()) if len(those) > 1
    }
    values = {
        "extractor": file.header.extractor.name,
        "sample": size,
        "draws": DRAWS,
        "seed": seed,
        "mean_cosine": round(float(np.mean(draws)), 4),
        "standard_deviation": round(float(np.std(draws)), 4),
        "within_type": within,
    }
    return _document(release, "density", values)


def _unit_vectors(file: FeatureFile, ids: Sequence[str]) -> NDArray[np.float32]:
    means = np.stack([file.regions([identity])[0].astype(np.float32).mean(0) for identity in ids])
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12), np.float32)


def _mean_similarity(vectors: NDArray[np.float32]) -> float:
    """The mean cosine similarity of all pairs of different rows."""
    count = len(vectors)
    total = float(np.square(vectors.sum(0, dtype=np.float64)).sum())  # of all pairs, each row with itself included
    return (total - count) / (count * (count - 1))


def benchmark_result(release: Release, path: Path) -> dict[str, Any]:
    """A result that `gatherset benchmark` wrote for this release. Raises InputError for any other."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.validate(document, schemas.read("benchmark_result.schema.json"), jsonschema.Draft202012Validator)
    except (OSError, ValueError, jsonschema.ValidationError) as error:
        raise InputError(f"{path} is no benchmark result: {str(error)[:200]}", "See: gatherset benchmark") from error
    if not document["release"] or document["release"]["content_hash"] != release.content_hash:
        raise InputError(f"{path} was not measured on {release}", "Run gatherset benchmark on this release")
    return _document(release, "benchmark", {"result": document})


def _document(release: Release, kind: str, values: dict[str, Any]) -> dict[str, Any]:
    identity = {"name": release.name, "version": release.version, "content_hash": release.content_hash}
    return {"schema_version": "1.0", "kind": kind, "release": identity, "measured": now(), **values}


def write_measurements(release: Release, documents: Iterable[dict[str, Any]]) -> list[Path]:
    """Write each into `measurements/` of the release folder, in the place of an earlier one of its kind."""
    folder = release.path / MEASUREMENTS
    folder.mkdir(exist_ok=True)
    paths = []
    for document in documents:
        paths.append(folder / f"{document['kind']}.json")
        write_json(paths[-1], document)
    return paths
