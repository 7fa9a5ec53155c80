"""How well a gathering dictionary chooses: precision and recall on one half of the screened photographs.

    python tests/benchmarks/dictionary_figures.py ../shared/data/gatherings --half 0 --errors  # to work on a dictionary
    python tests/benchmarks/dictionary_figures.py ../shared/data/gatherings --half 1           # once, when it is done

The halves are by a hash of the file names. Whoever changes the dictionary looks at half 0 alone; what half 1 says is
then as good as what it will say of photographs that nobody has seen. The truth is what both annotators agree on.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from gatherset.dataset.caption_file import read_caption_file
from gatherset.dataset.filtering import Screened, figures, screened_by_files
from gatherset.dataset.gathering_dictionary import GatheringDictionary, load_dictionary


def half_of(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % 2


def show_errors(dictionary: GatheringDictionary, screened: list[Screened]) -> None:
    for one in screened:
        if dictionary.judge(one.captions).matches != one.gathering:
            print("\nlost" if one.gathering else "\nmatched, and no gathering")
            for caption in one.captions:
                print(f"  {caption}  {dictionary.terms_in(caption)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gatherings", type=Path)
    parser.add_argument("--half", type=int, choices=(0, 1), required=True)
    parser.add_argument("--dictionary", type=Path, help="Default: the one that Gatherset brings.")
    parser.add_argument("--errors", action="store_true", help="Show the captions of what is judged wrongly.")
    chosen = parser.parse_args()
    dictionary = load_dictionary(chosen.dictionary)
    entries, _ = read_caption_file(chosen.gatherings / "captions.jsonl")
    half = [(name, entry.captions) for name, entry in entries.items() if half_of(name) == chosen.half]
    screened = screened_by_files(half, [chosen.gatherings / f"annotator_{who}.csv" for who in "ab"])
    if chosen.errors:
        show_errors(dictionary, screened)
    found = figures(dictionary, screened)
    f1 = 2 * found.right / (found.matched + found.gatherings)
    chosen_by = f"{found.matched} matched, {found.right} of them right"
    print(f"{found.screened} screened, {found.gatherings} gatherings, {chosen_by}")
    print(f"precision {found.precision}, recall {found.recall}, F1 {f1:.3f}")


if __name__ == "__main__":
    main()
