import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gatherset.dataset.errors import InputError
from gatherset.dataset.sources.coco import spdx
from gatherset.dataset.sources.known import FORMS, form_of, read_captions

ONE, TWO = ["A crowd waits.", "People wait for a bus."], ["A march."]
BOTH = {"1.jpg": ONE, "2.jpg": TWO}


def flickr(path: Path) -> None:
    path.write_text("".join(f"{name}#{i}\t{text}\n" for name, own in BOTH.items() for i, text in enumerate(own)))


def kaggle_8k(path: Path) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("image", "caption"), *((n, text) for n, own in BOTH.items() for text in own)])


def kaggle_30k(path: Path) -> None:
    rows = [f"{name}| {i}| {text}" for name, own in BOTH.items() for i, text in enumerate(own)]
    path.write_text("\n".join(["image_name| comment_number| comment", *rows]) + "\n")


def hub_30k(path: Path) -> None:
    with path.open("w", newline="") as file:
        rows = [(json.dumps(own), "[1]", "train", name, i) for i, (name, own) in enumerate(BOTH.items())]
        csv.writer(file).writerows([("raw", "sentids", "split", "filename", "img_id"), *rows])


def parquet(path: Path) -> None:
    pq.write_table(pa.table({"file_name": list(BOTH), "captions": list(BOTH.values())}), path)


def columns(path: Path) -> None:
    with path.open("w", newline="") as file:
        rows = [(name, *own, *[""] * (2 - len(own))) for name, own in BOTH.items()]
        csv.writer(file).writerows([("filename", "caption_0", "caption_1"), *rows])


def karpathy(path: Path) -> None:
    images = [{"filename": n, "split": "train", "sentences": [{"raw": t} for t in own]} for n, own in BOTH.items()]
    path.write_text(json.dumps({"images": images, "dataset": "flickr8k"}))


def coco(path: Path) -> None:
    images = [{"id": i, "file_name": name, "license": 4} for i, name in enumerate(BOTH)]
    annotations = [{"id": 0, "image_id": i, "caption": t} for i, own in enumerate(BOTH.values()) for t in own]
    licenses = [{"id": 4, "url": "http://creativecommons.org/licenses/by/2.0/", "name": "Attribution License"}]
    path.write_text(json.dumps({"licenses": licenses, "images": images, "annotations": annotations}))


def jsonl(path: Path) -> None:
    path.write_text("".join(json.dumps({"image": name, "captions": own}) + "\n" for name, own in BOTH.items()))


def labelstudio(path: Path) -> None:
    def result(number: int, text: str) -> dict[str, object]:
        return {"from_name": f"caption{number}", "type": "textarea", "value": {"text": [text]}}

    tasks = [
        {
            "data": {"image": f"/data/local-files/?d=photos/{name}"},
            "annotations": [
                {"result": [result(i, t) for i, t in reversed(list(enumerate(own)))]},
                {"result": [{"from_name": "event", "value": {"choices": ["protest"]}}]},
            ],
        }
        for name, own in BOTH.items()
    ]
    path.write_text(json.dumps(tasks))


def minimal(path: Path) -> None:
    path.write_text(
        json.dumps(
            [
                {"image": f"s3://b/{name}", "id": 1, "annotation_id": 2, "caption": own, "event": "A protest"}
                for name, own in BOTH.items()
            ]
        )
    )


FILES = {
    "results.token": ("flickr", flickr),
    "captions.txt": ("csv", kaggle_8k),
    "results.csv": ("csv", kaggle_30k),
    "annotations.csv": ("csv", hub_30k),
    "columns.csv": ("csv", columns),
    "train.parquet": ("parquet", parquet),
    "dataset.json": ("karpathy", karpathy),
    "captions.json": ("coco", coco),
    "mine.jsonl": ("jsonl", jsonl),
    "export.json": ("labelstudio", labelstudio),
    "minimal.json": ("labelstudio", minimal),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_known_by_what_it_looks_like_and_read(tmp_path: Path, name: str) -> None:
    form, write = FILES[name]
    write(tmp_path / name)
    assert form_of(tmp_path / name) == form
    entries, findings = read_captions(tmp_path / name)
    assert findings == []
    assert {image: list(entry.captions) for image, entry in entries.items()} == BOTH


def test_every_form_is_tried() -> None:
    assert {form for form, _ in FILES.values()} == set(FORMS)


@pytest.mark.parametrize("content", [b"", b"x", b"{", b"\xff\xfe\x00", b"[" * 5000, b"1,2\n3,4\n", b"PAR1"])
def test_what_has_no_known_form_is_said_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(InputError, match=re.escape(str(tmp_path / "f"))):
        read_captions(tmp_path / "f")


@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_another_form_than_was_said_is_refused_or_its_lines_are(tmp_path: Path, form: str) -> None:
    (tmp_path / "f").write_text('{"a": 1}\n')
    try:
        entries, findings = read_captions(tmp_path / "f", form)
    except InputError:
        return
    assert entries == {}
    assert findings


def one_line(tmp_path: Path, write: Callable[[Path], None], old: str, new: str) -> tuple[dict[str, list[str]], str]:
    """The captions, and the one finding, of a file in which `old` was replaced."""
    path = tmp_path / "f"
    write(path)
    path.write_text(path.read_text().replace(old, new, 1))
    entries, [finding] = read_captions(path)
    return {image: list(entry.captions) for image, entry in entries.items()}, str(finding)


@pytest.mark.parametrize(
    ("write", "old", "new", "kept", "complaint"),
    [
        (flickr, "1.jpg#1", "1.jpg#0", {"1.jpg": ONE[:1], "2.jpg": TWO}, "GS103 error: caption 0 of '1.jpg' was"),
        (flickr, "1.jpg#1\t", "1.jpg 1 ", {"1.jpg": ONE[:1], "2.jpg": TWO}, "f:2: GS100"),
        (flickr, "1.jpg#1\t", "1.jpg#1 ", {"2.jpg": TWO}, "f:2: GS100"),
        (kaggle_8k, "A march.", "A march,and more", {"1.jpg": ONE}, "it has 3 fields, the header has 2"),
        (hub_30k, "2.jpg", "1.jpg", {"1.jpg": ONE}, "'1.jpg' stands in line 2 already"),
        (karpathy, '"2.jpg"', "7", {"1.jpg": ONE}, "names no 'image'"),
        (karpathy, '"2.jpg"', '"1.jpg"', {"1.jpg": ONE}, "f, image 2: GS103 error: '1.jpg' stands in image 1 already"),
        (coco, '"A march."', "null", {"1.jpg": ONE}, "it has no caption"),
        (coco, '"image_id": 1', '"image_id": 9', {"1.jpg": ONE, "2.jpg": []}, "there is no image 9 in the file"),
        (labelstudio, "photos/2.jpg", "", {"1.jpg": ONE}, "it has no image under 'image'"),
    ],
)
def test_what_cannot_be_used_is_a_finding_and_the_rest_is_taken(
    tmp_path: Path, write: Callable[[Path], None], old: str, new: str, kept: object, complaint: str
) -> None:
    captions, finding = one_line(tmp_path, write, old, new)
    assert captions == kept
    assert complaint in finding


def test_two_images_with_one_id_are_told_apart_from_their_captions(tmp_path: Path) -> None:
    coco(tmp_path / "f")
    document = json.loads((tmp_path / "f").read_text())
    document["images"][1]["id"] = 0
    (tmp_path / "f").write_text(json.dumps(document))
    entries, findings = read_captions(tmp_path / "f")
    assert list(entries) == ["1.jpg"]
    assert "its id 0 is that of image 1" in str(findings[-1])


@pytest.mark.parametrize(
    ("url", "name", "expected"),
    [
        ("http://creativecommons.org/licenses/by-nc-sa/2.0/", "x", "CC-BY-NC-SA-2.0"),
        (
            "http://flickr.com/commons/usage/",
            "No known copyright restrictions",
            "LicenseRef-No-known-copyright-restrictions",
        ),
        ("http://creativecommons.org/licenses/by/9.0/", "x", "LicenseRef-CC-BY-9.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/deed.de", "x", "CC0-1.0"),
        ("http://creativecommons.org/publicdomain/mark/1.0/", "x", "CC-PDM-1.0"),
        ("https://creativecommons.org/licenses/by-sa/2.0/de/", "x", "LicenseRef-CC-BY-SA-2.0-DE"),
        ("https://creativecommons.org/licenses/by-sa/3.0/de/legalcode", "x", "CC-BY-SA-3.0-DE"),
        ("http://creativecommons.org/licenses/by-nd-nc/1.0/", "x", "CC-BY-NC-ND-1.0"),
        ("", "CC-BY-4.0", "CC-BY-4.0"),
        ("", "", None),
    ],
)
def test_the_licence_of_a_coco_image_becomes_an_spdx_id(url: str, name: str, expected: str | None) -> None:
    assert spdx({"url": url, "name": name}) == expected


def test_the_columns_of_a_table_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("bild,satz,foto von\n1.jpg,A crowd.,Ada\n")
    named = {"image": "bild", "captions": "satz", "attribution": "foto von"}
    entry = read_captions(tmp_path / "f.csv", "csv", named)[0]["1.jpg"]
    assert (entry.captions, entry.attribution) == (("A crowd.",), "Ada")


@pytest.mark.parametrize("names", [{"image": "nothing"}, {"picture": "a"}])
def test_a_column_that_is_not_there_is_refused(tmp_path: Path, names: dict[str, str]) -> None:
    (tmp_path / "f.csv").write_text("a,caption\n1.jpg,A crowd.\n")
    with pytest.raises(InputError, match=r"nothing|picture"):
        read_captions(tmp_path / "f.csv", "csv", names)


def test_a_column_licence_is_the_licence_where_it_holds_an_id_and_words_are_kept(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("image,caption,licence\n1.jpg,A crowd.,CC-BY-NC-4.0\n2.jpg,A bus.,by the press\n")
    entries, _ = read_captions(tmp_path / "f.csv")
    assert [(e.license, e.attribution) for e in entries.values()] == [("CC-BY-NC-4.0", None), (None, "by the press")]


@pytest.mark.parametrize(
    ("written", "captions", "complaints"),
    [
        ("['A man walks', \"A dog's day\"]", ("A man walks", "A dog's day"), 0),
        ("['A man walks' 'A dog']", None, 1),  # NumPy's, which Python would join to one
        ("[sic] A crowd.", ("[sic] A crowd.",), 0),
    ],
)
def test_a_list_that_pandas_wrote_is_a_list(
    tmp_path: Path, written: str, captions: tuple[str, ...] | None, complaints: int
) -> None:
    with (tmp_path / "f.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "captions"), ("1.jpg", written)])
    entries, findings = read_captions(tmp_path / "f.csv")
    assert (entries["1.jpg"].captions if entries else None, len(findings)) == (captions, complaints)


def test_a_table_whose_lines_end_as_on_an_old_mac_is_read(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(b"image,caption\r1.jpg,A crowd.\r")
    assert read_captions(tmp_path / "f.csv")[0]["1.jpg"].captions == ("A crowd.",)


HALF = "A crowd \ud83d"
IMAGE, CAPTION = {"id": 1, "file_name": "1.jpg"}, {"image_id": 1, "caption": "A crowd."}
ODD = {
    "half.json": {"images": [IMAGE], "annotations": [{"image_id": 1, "caption": HALF}]},
    "half_karpathy.json": {"images": [{"filename": "1.jpg", "sentences": [{"raw": HALF}]}]},
    "half_labelstudio.json": [{"image": "1.jpg", "caption": HALF}],
    "image_list.json": {"images": [{**IMAGE, "id": [1]}], "annotations": []},
    "annotation_list.json": {"images": [IMAGE], "annotations": [{**CAPTION, "image_id": [1]}]},
    "license_unknown.json": {"images": [{**IMAGE, "license": 3}], "annotations": [], "licenses": [{"id": 1}]},
    "results.json": [{"data": {"image": "1.jpg"}, "annotations": [{"result": 3}]}, {"data": 3}],
    "half.csv": 'image,captions\n1.jpg,"[""A \\ud83d""]"\n',
    "long.token": "1.jpg#0\tA crowd.\n1.jpg#" + "1" * 5000 + "\tA crowd.\n",
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_in_a_file_is_a_finding_and_no_traceback(tmp_path: Path, name: str) -> None:
    content = ODD[name]
    (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    assert len(read_captions(tmp_path / name)[1]) == 1


def test_an_image_of_which_a_row_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """It would come in without that caption, and keep so."""
    (tmp_path / "f.csv").write_text("image,caption\n1.jpg,A crowd.\n1.jpg,A bus, too.\n2.jpg,A march.\n")
    entries, [finding] = read_captions(tmp_path / "f.csv")
    assert (list(entries), finding.where) == (["2.jpg"], f"{tmp_path / 'f.csv'}:3")


@pytest.mark.parametrize("licenses", [None, 3, [{"id": [1]}]])
def test_licences_that_are_no_list_of_licences_are_none(tmp_path: Path, licenses: object) -> None:
    document = {"images": [{**IMAGE, "license": 1}], "annotations": [CAPTION], "licenses": licenses}
    (tmp_path / "f.json").write_text(json.dumps(document))
    entries, findings = read_captions(tmp_path / "f.json")
    assert (entries["1.jpg"].license, findings) == (None, [])
