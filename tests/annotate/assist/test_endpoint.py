import time
from collections.abc import Callable

import pytest

from gatherset.annotate.assist.endpoint import Asking, ClosedError, Endpoint, NoAnswerError, estimated_tokens
from gatherset.dataset.errors import InputError
from tests.model_server import Body, ModelServer, Reply

Make = Callable[..., Endpoint]
HELLO = [{"role": "user", "content": "Hello"}]


def then(*replies: Reply) -> Callable[[Body], Reply]:
    """One after the other; the last for ever."""
    left = list(replies)
    return lambda body: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_comes_whole_or_in_a_stream(models: ModelServer, asked: Make, stream: bool) -> None:
    models.reply = lambda body: "A crowd fills the größte Straße."
    endpoint = asked(stream=stream)
    assert endpoint.ask(HELLO) == "A crowd fills the größte Straße."
    assert models.requests[0].get("stream", False) is stream
    assert (models.requests[0]["temperature"], models.keys) == (0.7, ["Bearer sk-test"])
    assert (endpoint.usage.requests, endpoint.usage.tokens_in, endpoint.usage.tokens_out) == (1, 100, 40)
    assert endpoint.usage.cost(10, 100) == pytest.approx(0.005)


def test_a_server_that_streams_unasked_is_understood(models: ModelServer, asked: Make) -> None:
    events = 'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n'
    models.reply = lambda body: {"raw": events.encode()}
    assert asked().ask(HELLO) == "Hi"


@pytest.mark.parametrize(
    "trouble",
    [
        *({"status": status} for status in (408, 409, 429, 500, 502, 503, 529)),
        {"raw": b'{"choices": [{"mess'},
        {"raw": b"<html>busy</html>"},
        {"raw": b"[]"},
        {"raw": b'{"choices": []}'},
        {"raw": b'{"choices": [{"message": "text"}]}'},
        {"raw": b'data: {"choices": ["x"]}\n\ndata: [DONE]\n\n'},
        {"raw": b'data: {"choices": 5}\n\ndata: [DONE]\n\n'},
        {"raw": b'data: {"choices": [{"delta": {"content": ["x"]}}]}\n\ndata: [DONE]\n\n'},
    ],
)
def test_what_may_pass_is_asked_again_and_given_up_for_this_one_alone(
    models: ModelServer, asked: Make, trouble: Reply
) -> None:
    models.reply = then(trouble, "There.")
    assert asked().ask(HELLO) == "There."
    models.reply = then(trouble)
    endpoint = asked(temperature=0)
    with pytest.raises(NoAnswerError):
        endpoint.ask(HELLO)
    assert len(models.requests) == 2 + 3
    assert endpoint.closed is None


def test_a_stream_that_breaks_off_is_no_answer(models: ModelServer, asked: Make) -> None:
    models.reply = then({"text": "A long answer that is cut off", "cut": 200}, "There.")
    assert asked(stream=True).ask(HELLO) == "There."


def test_retry_after_is_followed(models: ModelServer, asked: Make) -> None:
    models.reply = then({"status": 429, "headers": {"Retry-After": "0.5"}}, "There.")
    begin = time.monotonic()
    assert asked().ask(HELLO) == "There."
    assert time.monotonic() - begin >= 0.5


def test_a_server_that_hangs_is_not_waited_for(models: ModelServer, asked: Make) -> None:
    models.reply = lambda body: {"hang": 1.0, "text": "late"}
    with pytest.raises(NoAnswerError, match="did not answer"):
        asked(seconds=0.2, tries=1).ask(HELLO)


@pytest.mark.parametrize(
    "reply",
    [{"status": 401}, {"status": 402}, {"status": 403}, {"status": 404}, {"status": 429, "code": "insufficient_quota"}],
)
def test_no_key_and_no_money_close_the_endpoint_for_all(models: ModelServer, asked: Make, reply: Reply) -> None:
    models.reply = lambda body: reply
    endpoint = asked()
    for _ in range(2):
        with pytest.raises(ClosedError):
            endpoint.ask(HELLO)
    assert len(models.requests) == 1


def test_a_server_that_is_down_closes_the_endpoint(tmp_path: object, asked: Make) -> None:
    endpoint = asked()
    endpoint.url = "http://127.0.0.1:1/v1"
    with pytest.raises(ClosedError, match="cannot be reached"):
        endpoint.ask(HELLO)


@pytest.mark.parametrize(
    "reply",
    [
        {"refusal": "I cannot help"},
        {"text": "", "finish": "content_filter"},
        {"text": "A crowd fills the", "finish": "length"},
        {"text": None},
        {"text": " \n"},
        {"status": 400},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_about_one_question(models: ModelServer, asked: Make, reply: Reply, stream: bool) -> None:
    models.reply = then(reply, "There.")
    endpoint = asked(stream=stream)
    with pytest.raises(NoAnswerError):
        endpoint.ask(HELLO)
    assert len(models.requests) == 1
    assert endpoint.ask([{"role": "user", "content": "Another"}]) == "There."
    assert endpoint.ask(HELLO) == "There."  # what could not be used was not kept


def test_an_answer_is_paid_for_once(models: ModelServer, asked: Make) -> None:
    asked().ask(HELLO)
    again = asked()
    again.ask(HELLO)
    assert (len(models.requests), again.usage.cached, again.usage.requests) == (1, 1, 0)
    asked(temperature=0.1).ask(HELLO)
    assert len(models.requests) == 2


def test_an_empty_answer_that_an_older_version_has_kept_is_asked_for_again(models: ModelServer, asked: Make) -> None:
    asked().ask(HELLO)
    endpoint = asked()
    [kept] = endpoint._answers.rglob("*.json")
    kept.write_text('{"text": ""}')
    assert endpoint.ask(HELLO)
    assert len(models.requests) == 2


def test_half_a_sign_and_odd_counts_are_taken_as_they_can_be(models: ModelServer, asked: Make) -> None:
    models.reply = lambda body: {"raw": b'{"choices": [{"message": {"content": "A \\ud83d crowd"}}], "usage": [1]}'}
    endpoint = asked()
    assert endpoint.ask(HELLO) == "A ? crowd"
    assert (endpoint.usage.requests, endpoint.usage.tokens_in) == (1, 0)


def test_the_key_is_written_nowhere(models: ModelServer, asked: Make, tmp_path: object) -> None:
    endpoint = asked()
    endpoint.ask(HELLO)
    assert all("sk-test" not in path.read_text() for path in endpoint._answers.rglob("*.json"))


@pytest.mark.parametrize("url", ["", "here", "ftp://a/v1"])
def test_what_is_no_address_is_refused(url: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(InputError, match="endpoint"):
        Endpoint(url, Asking("m"), tmp_path)


def test_tokens_are_estimated_from_letters_and_pictures() -> None:
    text = {"content": "x" * 400}
    assert estimated_tokens([text]) == 101
    assert estimated_tokens([{"content": [{"type": "text", "text": "x" * 40}, {"type": "image_url"}]}]) == 1011
