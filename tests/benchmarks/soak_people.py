"""Annotators and reviewers as threads that speak to the app: what they send, and what was acknowledged."""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.promises import Sent
from tests.benchmarks.session import RefusedError, Session


@dataclass(frozen=True)
class Plan:
    seconds: float  # at least; it goes on until all kinds of faults were had, and a release and a backup made
    images: int
    seed: int = 0
    faults: tuple[str, ...] = ("app", "database", "app and database")
    annotators: int = 20
    reviewers: int = 2
    think: tuple[float, float] = (1.0, 8.0)  # seconds between two things that a person does
    calm: tuple[float, float] = (8.0, 30.0)  # seconds between two faults
    every: dict[str, float] = field(default_factory=lambda: {"validate": 10.0, "build": 20.0, "backup": 300.0})


class People:
    """All who work at the app, until `stop`; what they ask for must come before `until`, in seconds of the clock."""

    def __init__(self, plan: Plan, tally: Counter[str]) -> None:
        self.plan, self.tally = plan, tally
        self.sent: dict[str, Sent] = {}
        self.decided: dict[str, int] = {}
        self.stop = threading.Event()
        self.until = float("inf")

    def acknowledged(self) -> set[str]:
        """The keys of the submissions that were."""
        return {key for key, one in list(self.sent.items()) if one.stored is not None}

    def annotator(self, session: Session, chance: random.Random) -> None:
        number = 0
        desk = session.persist("next", self.until)
        while not self.stop.is_set():
            self.think(chance)
            if not desk["task"]:
                desk = session.persist("next", self.until)
            elif chance.random() < 0.04:
                desk = session.persist("skip", self.until, task=desk["task"]["id"], reason="too dark to tell")
                self.tally["skips"] += 1
            else:
                number += 1
                desk = self._answer(session, chance, desk, number)
            if chance.random() < 0.08:
                earlier = session.persist("back", self.until)
                number += 1
                desk = self._answer(session, chance, earlier, number) if earlier["task"] else desk
        session.close()

    def _answer(self, session: Session, chance: random.Random, desk: Any, number: int) -> Any:
        """Write drafts and submit; the next desk."""
        task, version = desk["task"]["id"], desk["version"]
        revision = desk["draft"]["revision"] if desk["draft"] else 0
        key = f"{session.name}-{number:06}"
        answer = _some_answer(session, chance, task, key)
        try:
            for words in range(chance.randint(0, 2)):
                begun = {**answer, "captions": [f"Half a sentence {words}", "", "", "", ""]}
                revision = session.keep(self.until, task, revision, version, begun)
                self.tally["drafts"] += 1
                self.think(chance)
            self.sent[key] = Sent(task, session.name, answer)
            body = {"task": task, "key": key, "version": version, "answer": answer}
            desk = session.persist("submission", self.until, **body)
        except RefusedError as error:
            if error.answer.get("kind") not in ("gone", "answered"):
                raise
            self.tally[f"said to annotators: {error.answer['kind']}"] += 1
            return session.persist("next", self.until)
        self.sent[key].stored = desk["stored"]["submission"]
        self.tally["submissions acknowledged" + ("" if desk["stored"]["new"] else ", when sent again")] += 1
        return desk

    def reviewer(self, session: Session, chance: random.Random) -> None:
        number = 0
        while not self.stop.is_set():
            self.think(chance)
            desk = session.persist("next", self.until, gather=True)["review"]
            if not desk:
                continue
            number += 1
            key = f"{session.name}-{number:06}"
            seen = {"image": desk["image_id"], "seen": desk["version"], "key": key}
            ours = [one["annotator"] for one in desk["opinions"] if one["annotator"].startswith("annotator")]
            try:
                if ours and chance.random() < 0.2:
                    done = session.persist("return", self.until, **seen, names=ours[:1], comment="Look at the signs.")
                else:
                    done = session.persist("decide", self.until, **seen, verdict=_verdict(desk["proposal"]))
            except RefusedError as error:
                if error.answer.get("kind") != "changed":
                    raise
                self.tally["said to reviewers: changed"] += 1
            else:
                self.decided[key] = done["decided"]["id"]
                self.tally["reviews acknowledged"] += 1
        session.close()

    def think(self, chance: random.Random) -> None:
        self.stop.wait(chance.uniform(*self.plan.think))


def _some_answer(session: Session, chance: random.Random, task: int, key: str) -> dict[str, Any]:
    """Mostly what the others say, so that records come about; now and then a flag, or that it is no gathering."""
    if chance.random() < 0.04:
        return session.answer(task, is_gathering=False, event_type=None, captions=[], note=key, flags=[])
    answer = session.answer(task, event_type=chance.choice(("protest",) * 6 + ("sports_event",)), note=key)
    first, *others = answer["captions"]
    own = f"{first[:-1]}, seen by {session.name.replace('annotator', 'watcher')}."
    return {**answer, "captions": [own, *others], "flags": ["personal_data"] if chance.random() < 0.06 else []}


def _verdict(proposal: dict[str, Any]) -> dict[str, Any]:
    """What was proposed; that it is no gathering where nobody has written captions."""
    if not all(proposal["captions"]):
        return {**proposal, "is_gathering": False, "reason": "nothing is to be seen"}
    return {**proposal, "event_type": proposal["event_type"] or "protest", "reason": "as most say"}
