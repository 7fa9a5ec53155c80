import io
import json
import tarfile
from pathlib import Path

import pytest

from gatherset.dataset.findings import Finding
from gatherset.dataset.sources.shards import samples

PICTURE = b"\xff\xd8 not quite a picture"


def shard(path: Path, count: int = 3) -> Path:
    """A shard as img2dataset writes it."""
    with tarfile.open(path, "w") as tar:
        for number in range(count):
            about = {
                "caption": f"A crowd, {number}.",
                "url": f"https://e.org/{number}",
                "status": "success",
                "exif": "{}",
            }
            add(tar, f"{number:09d}.jpg", PICTURE * (number + 1))
            add(tar, f"{number:09d}.txt", f"A crowd, {number}.".encode())
            add(tar, f"{number:09d}.json", json.dumps(about).encode())
    return path


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def test_a_sample_is_an_image_with_its_caption_and_where_it_lies(tmp_path: Path) -> None:
    findings: list[Finding] = []
    ref, place, entry = list(samples(shard(tmp_path / "00000.tar"), findings))[1]
    assert (ref, findings) == ("00000/000000001", [])
    assert place.read() == PICTURE * 2
    assert entry is not None
    assert (entry.captions, entry.url) == (("A crowd, 1.",), "https://e.org/1")


@pytest.mark.parametrize("left", [0.2, 0.5, 0.9])
def test_a_shard_that_ends_early_gives_the_samples_that_are_whole(tmp_path: Path, left: float) -> None:
    path = shard(tmp_path / "0.tar", 20)
    end = 20 * 6 * 512
    path.write_bytes(path.read_bytes()[: int(end * left)])
    findings: list[Finding] = []
    found = list(samples(path, findings))
    assert 0 < len(found) < 20
    assert all(entry and entry.captions and place.read().startswith(PICTURE) for _, place, entry in found)
    assert "ends early" in findings[-1].message


def test_the_sample_before_the_one_that_is_cut_is_whole(tmp_path: Path) -> None:
    path = shard(tmp_path / "0.tar", 20)
    places = [place for _, place, _ in samples(path, [])]
    path.write_bytes(path.read_bytes()[: places[7].offset + 5])
    assert [place for _, place, _ in samples(path, [])] == places[:7]


def test_a_shard_without_its_end_is_a_finding(tmp_path: Path) -> None:
    path = shard(tmp_path / "0.tar", 2)
    whole = path.read_bytes()
    path.write_bytes(whole.rstrip(b"\0")[:-1].ljust(len(whole.rstrip(b"\0")) // 512 * 512, b"\0")[: 512 * 6])
    findings: list[Finding] = []
    assert len(list(samples(path, findings))) == 0
    assert "no end of the archive" in findings[0].message


def test_what_is_no_shard_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "0.tar").write_text("<html>404</html>")
    findings: list[Finding] = []
    assert list(samples(tmp_path / "0.tar", findings)) == []
    assert findings[0].rule == "GS203"


def test_a_sample_without_an_image_or_with_two_is_a_finding(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        add(tar, "a.txt", b"No picture.")
        add(tar, "b.jpg", PICTURE)
        add(tar, "b.png", PICTURE)
        add(tar, "c.jpg", PICTURE)
    findings: list[Finding] = []
    assert [ref for ref, _, _ in samples(tmp_path / "0.tar", findings)] == ["0/c"]
    assert [finding.message for finding in findings] == ["the sample has 0 images", "the sample has 2 images"]


@pytest.mark.parametrize(("name", "data"), [("a.json", b"{"), ("a.json", b"3"), ("a.txt", b"caf\xe9")])
def test_an_image_of_which_something_cannot_be_read_is_left_out_with_a_finding(
    tmp_path: Path, name: str, data: bytes
) -> None:
    """It would come in without its licence or its captions, and keep so."""
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        add(tar, "a.jpg", PICTURE)
        add(tar, name, data)
        add(tar, "b.jpg", PICTURE)
    findings: list[Finding] = []
    assert [ref for ref, _, _ in samples(tmp_path / "0.tar", findings)] == ["0/b"]
    assert [name in finding.where for finding in findings] == [True]


def test_members_that_do_not_lie_together_are_one_sample(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for name in ("a.jpg", "._a.jpg", "b.jpg"):
            add(tar, name, PICTURE)
        for name in ("a.txt", "._a.txt", "b.txt"):
            add(tar, name, f"A crowd, {name}.".encode())
    findings: list[Finding] = []
    found = {ref: entry and entry.captions for ref, _, entry in samples(tmp_path / "0.tar", findings)}
    assert (found, findings) == ({"0/a": ("A crowd, a.txt.",), "0/b": ("A crowd, b.txt.",)}, [])
    # Cut after the first text, the second image would come in without its own.
    cut = (tmp_path / "0.tar").read_bytes()
    (tmp_path / "0.tar").write_bytes(cut[: cut.index(b"b.txt")])
    assert list(samples(tmp_path / "0.tar", findings)) == []
    assert "ends early" in findings[0].message


def test_a_name_that_is_no_text_is_a_finding_once(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as tar:
        for name in ("a.jpg", "caf\xe9.jpg", "caf\xe9.txt"):
            add(tar, name, PICTURE)
    findings: list[Finding] = []
    assert [ref for ref, _, _ in samples(tmp_path / "0.tar", findings)] == ["0/a"]
    assert [finding.message for finding in findings] == ["the name is not UTF-8"]


@pytest.mark.parametrize("size", [-512, -1024, -1536, -2048])
def test_a_shard_that_leads_backwards_comes_to_an_end(tmp_path: Path, size: int) -> None:
    def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
        member = tarfile.TarInfo(name)
        member.size, member.type = size, kind
        return member.tobuf(tarfile.USTAR_FORMAT)

    says = f" size={size}\n".encode()
    says = str(len(says) + 2).encode() + says
    extended = header("pax", len(says), tarfile.XHDTYPE) + says.ljust(512, b"\0")
    (tmp_path / "0.tar").write_bytes(header("z.txt", 0) + extended + header("a.jpg", 0) + b"\0" * 1024)
    findings: list[Finding] = []
    assert list(samples(tmp_path / "0.tar", findings)) == []
    assert findings
