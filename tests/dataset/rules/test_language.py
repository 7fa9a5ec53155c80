"""GS307's model is shared by all threads of the server."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from gatherset.dataset.rules import language


def test_threads_that_ask_together_get_one_model() -> None:
    language._identifier.cache_clear()
    together = Barrier(8)

    def ask(_: int) -> object:
        together.wait()
        return language.identifier()

    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(ask, range(8)))
    assert all(model is models[0] for model in models)
