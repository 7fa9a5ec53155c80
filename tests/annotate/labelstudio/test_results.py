import pytest

from gatherset.annotate.answer import Answer
from gatherset.annotate.labelstudio.configuration import configuration, controls, lacking, orphans
from gatherset.annotate.labelstudio.results import answer_results, read_results
from gatherset.dataset.errors import InputError
from gatherset.dataset.labelstudio import choices, text
from gatherset.dataset.workspace import Workspace
from tests.labelstudio_workspace import results


def test_results_are_read_in_any_order() -> None:
    said = results(1)
    there, back = (
        read_results(said, "caption", (), "w", wanted=5),
        read_results(said[::-1], "caption", (), "w", wanted=5),
    )
    assert isinstance(there, Answer)
    assert there == back
    assert (there.event_type, len(there.captions), there.is_gathering) == ("protest", 5, True)


@pytest.mark.parametrize(
    "said",
    [
        None,
        {"a": 1},
        ["no result"],
        [{"value": {}}],
        [{"from_name": "event_type"}],
        [{"from_name": "event_type", "value": {"choices": [1]}}],
        [{"from_name": "event_type", "value": {"choices": ["protest", "sports_event"]}}],
        [{"from_name": "caption1", "value": {"text": ["a", "b"]}}],
        [{"from_name": "is_gathering", "value": {"choices": ["perhaps"]}}],
        [text("caption1", "x" * 3000)],
        [text("caption1", "half a character: \ud800")],
    ],
)
def test_what_is_no_answer_becomes_a_finding(said: object) -> None:
    found = read_results(said, "caption", (), "annotation 1", wanted=5)
    assert isinstance(found, list)
    assert {(finding.rule, finding.where) for finding in found} == {("GS101", "annotation 1")}


@pytest.mark.parametrize(
    "answer",
    [
        Answer("caption", True, "protest", ("a b c", "d e f"), flags=("sensitive",), note="so"),
        Answer("caption", False),
        Answer("event", True, "sports_event"),
        Answer("screen", True),
        Answer("screen", False),
    ],
)
def test_an_answer_written_as_results_reads_as_itself(answer: Answer) -> None:
    assert read_results(answer_results(answer.document()), answer.kind, (), "w", wanted=5) == answer


def test_a_caption_left_out_in_the_middle_is_missed() -> None:
    read = read_results([one for one in results(1) if one["from_name"] != "caption2"], "caption", (), "w", wanted=5)
    assert isinstance(read, Answer)
    assert read.captions[1] == ""


@pytest.mark.parametrize("kind", ["caption", "event", "screen"])
def test_the_configuration_asks_what_results_are_read_from(workspace: Workspace, kind: str) -> None:
    asked = controls(configuration(workspace, kind))
    assert ("event_type" in asked) == (kind != "screen")
    assert asked["is_gathering"].values == ({"no", "yes"} if kind == "screen" else {"no"})
    if kind != "screen":
        assert asked["event_type"].values == set(workspace.taxonomy.names)
        assert {f"caption{number}" for number in range(1, 6)} <= set(asked)


def test_a_configuration_lacks_what_it_does_not_ask() -> None:
    ours = controls('<View><Choices name="a" toName="i"><Choice value="x"/><Choice value="y"/></Choices></View>')
    fewer = controls('<View><Choices name="a" toName="i"><Choice value="x"/></Choices></View>')
    other = controls('<View><TextArea name="a" toName="i"/></View>')
    assert lacking(ours, fewer) == []
    assert lacking(fewer, ours) == ["'a' has no choice y"]
    assert lacking(other, ours) == ["'a' is a textarea on 'i'"]
    assert lacking({}, ours) == ["it asks nothing under the name 'a'"]


def test_what_a_new_configuration_would_orphan_is_counted() -> None:
    new = controls('<View><Choices name="a" toName="i"><Choice value="x"/></Choices></View>')
    there = [[choices("a", ["x"])], [choices("a", ["y"])], [choices("a", ["y"]), text("b", "t")]]
    assert orphans(there, new) == {"'y' of 'a'": 2, "'b'": 1}


def test_a_damaged_configuration_is_said_in_words() -> None:
    with pytest.raises(InputError, match="is not XML"):
        controls("<View>")
