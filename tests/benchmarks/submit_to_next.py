"""From Ctrl+Enter to the next image on the screen, in Chromium: originals of 12 megapixels, the checks running.

Run it: python tests/benchmarks/submit_to_next.py
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.benchmarks.session import SENTENCES
from tests.browser import APP, chromium, server, sign_in
from tests.conftest import draw

ROUNDS = 50
SIZE = (4000, 3000)
# In the page, so that the time of the test's own conversation with the browser does not count: from the key to the
# frame after the next image is decoded.
WATCH = """() => {
  const image = (function find(root) {
    for (const one of root.querySelectorAll('*')) {
      if (one.id === 'image') return one;
      const found = one.shadowRoot && find(one.shadowRoot);
      if (found) return found;
    }
  })(document);
  window.taken = [];
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && event.ctrlKey) window.began = performance.now();
  }, true);
  new MutationObserver(() => {
    const began = window.began;
    if (began === null) return;
    window.began = null;
    image.decode().then(() => requestAnimationFrame(() => requestAnimationFrame(
      () => window.taken.push(performance.now() - began))));
  }).observe(image, { attributes: true, attributeFilter: ['src'] });
  window.began = null;
}"""


def run(folder: Path) -> None:
    workspace = Workspace.create(folder / "mg")
    for number in range(ROUNDS + 2):
        draw(folder / "photos" / f"{number}.jpg", number, SIZE)
    ingest(workspace, folder / "photos", Provenance(license="CC-BY-4.0"))
    with server(workspace.root, APP) as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        sign_in(page, address)
        page.locator("#image").wait_for()
        page.evaluate(WATCH)
        for number in range(ROUNDS):
            for box, sentence in enumerate(SENTENCES, 1):
                page.get_by_label(f"Caption {box}", exact=True).fill(sentence.format(number))
            page.keyboard.press("Escape")
            page.keyboard.press("1")
            page.get_by_role("status").get_by_text("Saved", exact=True).wait_for()  # the checks have run
            page.wait_for_timeout(300)
            page.keyboard.press("Control+Enter")
            page.wait_for_function("count => window.taken.length > count", arg=number)
        taken = sorted(page.evaluate("window.taken"))
    p50, p95 = statistics.median(taken), taken[int(0.95 * len(taken))]
    print(f"submit to next image: {ROUNDS} times, p50 {p50:.0f} ms, p95 {p95:.0f} ms, most {taken[-1]:.0f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        run(Path(made))
