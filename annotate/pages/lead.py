"""The team page, for its lead: how far the work is, who does what, what is in dispute, and what to change."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import altair as alt
import streamlit as st

from gatherset.annotate.access import may
from gatherset.annotate.agreement_report import QUESTIONS, agreement_report, as_table
from gatherset.annotate.checklist import checklist
from gatherset.annotate.discussions import raise_discussion
from gatherset.annotate.labelstudio.returned import count_returned, returned_annotations
from gatherset.annotate.overview import Overview, annotator_rows, overview
from gatherset.annotate.pages.parts import STYLE as PARTS
from gatherset.annotate.pages.parts import notice, small, table
from gatherset.annotate.server import open_workspace
from gatherset.annotate.team import (
    change_queue,
    groups,
    hand_over,
    last_change,
    pause,
    put_first,
    reinstate,
    resume,
    retire,
)
from gatherset.dataset.errors import GathersetError
from gatherset.dataset.rules import RULES
from gatherset.dataset.spreadsheet import as_csv
from gatherset.dataset.targets import validate_target
from gatherset.dataset.workspace import Workspace

ACCENT = "#0f766e"
RETURNED = 200  # annotations that are shown
WHOLE = alt.Axis(format="d", tickMinStep=1)
FLAT = alt.Axis(labelAngle=0, labelOverlap=True)
SEVERAL = alt.Scale(range=["#0f766e", "#7cc4b8", "#b7791f", "#4a6fa5", "#e0b973", "#9b5c8f", "#9aa7a4", "#1c2826"])
STYLE = """<style>
.gs-counts { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0 0 .5rem; }
.gs-counts, .gs-list { padding: 0 !important; list-style: none; }
.gs-counts li { margin: 0 !important; padding: .5rem 1rem; border-radius: .5rem; background: #f1f5f4; }
.gs-counts li { font-size: .9rem; color: #4a5a57; }
.gs-counts b { display: block; font-size: 1.4rem; color: #1c2826; }
.gs-list { margin: 0; }
.gs-list li { margin: 0 !important; padding: .35rem .2rem; border-bottom: 1px solid #e0e6e4; }
.gs-list .open::before { content: "○ "; color: #7a4b00; font-weight: 700; }
.gs-list .done::before { content: "✓ "; color: #0f766e; font-weight: 700; }
.gs-list small { color: #4a5a57; }
.gs-dispute img { width: 100%; height: 9rem; object-fit: cover; border-radius: .4rem; }
.gs-dispute img.veiled { filter: blur(14px); }
.gs-dispute p { margin: .2rem 0 0; font-size: .85rem; }
</style>"""


def main() -> None:
    workspace, name = open_workspace(), str(st.session_state.visitor)
    if not may(workspace, name, "lead"):
        st.error("This page is for the lead of the team.")
        return
    st.html(PARTS + STYLE)
    st.header("Team", anchor=False)
    if said := st.session_state.pop("said", ""):
        notice(said, good=not st.session_state.pop("wrong", False))
    seen = overview(workspace)
    parts: dict[str, Callable[[Workspace, str, Overview], None]] = {
        "Overview": show_overview,
        "Annotators": show_annotators,
        "Agreement": show_agreement,
        "Release": show_release,
        "Steer": show_steering,
    }
    if count_returned(workspace):
        parts["Label Studio"] = show_returned
    chosen = st.radio("Part of the page", list(parts), horizontal=True, label_visibility="collapsed", key="part")
    parts[chosen or "Overview"](workspace, name, seen)


def show_overview(workspace: Workspace, name: str, seen: Overview) -> None:
    numbers = {**seen.standing, "answers": len(seen.ledger)}
    st.html('<ul class="gs-counts">' + "".join(f"<li><b>{n:,}</b>{what}</li>" for what, n in numbers.items()) + "</ul>")
    for line in seen.annotators:
        if line.hurried:
            text = f"{line.name} has sent {line.most_a_minute:,} answers within one minute: nobody looks at so many."
            notice(text)
    left, right = st.columns(2)
    with left:
        st.subheader("Answers a day", anchor=False)
        chart(
            alt.Chart(alt.InlineData(seen.days))
            .mark_bar()
            .encode(
                alt.X("day:O", title=None, axis=FLAT),
                alt.Y("sum(answers):Q", title="answers", axis=WHOLE),
                alt.Color("annotator:N", title=None, scale=SEVERAL),
                alt.Tooltip(["day:O", "annotator:N", "answers:Q"]),
            ),
            seen.days,
        )
        st.subheader("Coverage", anchor=False)
        small("Images by how many annotators have answered their task.")
        chart(
            alt.Chart(alt.InlineData(seen.coverage))
            .mark_bar()
            .encode(
                alt.X("images:Q", title="images", axis=WHOLE),
                alt.Y("answers:O", title="answers"),
                alt.YOffset("task:N"),
                alt.Color("task:N", title=None, scale=SEVERAL),
                alt.Tooltip(["task:N", "answers:O", "images:Q"]),
            ),
            seen.coverage,
        )
    with right:
        st.subheader("Event types of the records", anchor=False)
        chart(
            alt.Chart(alt.InlineData(seen.types))
            .mark_bar()
            .encode(
                alt.X("records:Q", title="records", axis=WHOLE),
                alt.Y("title:N", title=None, sort="-x", axis=alt.Axis(labelLimit=260)),
                alt.Color("known:N", legend=None, scale=alt.Scale(domain=[True, False], range=[ACCENT, "#9b1c1c"])),
                alt.Tooltip(["title:N", "records:Q"]),
            ),
            seen.types,
        )
        st.subheader("Time", anchor=False)
        for kind, seconds in seen.seconds.items():
            small(f"{kind}: {seconds:.0f} s an image, the median.")
        if not seen.seconds:
            small("Nobody has answered in the app yet.")
    show_disputes(workspace, name, seen)


def show_disputes(workspace: Workspace, name: str, seen: Overview) -> None:
    st.subheader("Worth talking about", anchor=False)
    small("The images on which the annotators disagree most.")
    columns = st.columns(4)
    for number, one in enumerate(seen.disputes):
        with columns[number % 4]:
            veiled = ' class="veiled"' if one.sensitive else ""
            st.html(
                f'<div class="gs-dispute"><a href="review?image={one.image_id}" target="_self">'
                f'<img src="{one.picture}" alt="{one.image_id}"{veiled}></a><p>{html.escape(one.votes)}</p></div>'
            )
            question = f"The annotators say: {one.votes}. Which is it?"
            if st.button("Discuss", key=f"discuss-{one.image_id}"):
                done(partial(raise_discussion, workspace, one.image_id, name, question), "It is on the list.")


def show_annotators(workspace: Workspace, name: str, seen: Overview) -> None:
    columns = {
        "name": "Annotator",
        "answers": "Tasks",
        "corrected": "Answered again",
        "skipped": "Skipped",
        "median_seconds": "Seconds, median",
        "agreed": "As the others (type)",
        "gold": "Known answers right",
        "most_a_minute": "Most in a minute",
        "last": "Last",
        "standing": "Standing",
    }
    rows = annotator_rows(seen.annotators)
    table(columns, [shown_annotator(row) for row in rows])
    download("Annotators as CSV", "annotators.csv", as_csv(list(rows[0]) if rows else ["name"], rows))
    st.subheader("Change", anchor=False)
    names = [line.name for line in seen.annotators]
    if not names:
        small("Nobody has answered yet.")
        return
    who = st.selectbox("Annotator", names)
    line = next(line for line in seen.annotators if line.name == who)
    if line.standing.startswith("paused"):
        if st.button("Resume"):
            done(lambda: resume(workspace, who, name), f"{who} gets images again.")
        return
    if line.standing.startswith("retired"):
        small("Their answers are kept, and count for nothing.")
        if st.button("Reinstate"):
            done(lambda: reinstate(workspace, who, name), f"The answers of {who} count again.")
        return
    with st.form("standing", border=False):
        reason = st.text_input("Reason", max_chars=300)
        left, right = st.columns(2)
        if left.form_submit_button("Pause: no more images until they resume"):
            done(lambda: pause(workspace, who, reason, name), f"{who} is paused.")
        if right.form_submit_button("Retire: their answers are kept, and count no more"):
            done(lambda: retire(workspace, who, reason, name), f"The work of {who} is retired.")
    others = [one.name for one in seen.annotators if one.name != who and not one.standing]
    if others:
        with st.form("hand-over", border=False):
            to = st.selectbox("Give what they hold, or were sent back, to", others)
            if st.form_submit_button("Hand over"):
                done(lambda: hand_over(workspace, who, to, name), f"{to} has it now.")


def shown_annotator(row: Mapping[str, Any]) -> dict[str, Any]:
    seconds, agreed = row["median_seconds"], row["agreed"]
    return {
        **row,
        "median_seconds": "" if seconds is None else f"{seconds:.0f}",
        "agreed": "" if agreed is None else f"{agreed:.1%}",
        "most_a_minute": f"{row['most_a_minute']} (too many)" if row["hurried"] else row["most_a_minute"] or "",
    }


def show_agreement(workspace: Workspace, name: str, seen: Overview) -> None:
    document = agreement_report(workspace, seen.ledger)
    small("The same as gatherset agreement. docs/review.md says what the numbers mean. Retired work is left out.")
    for key, title in QUESTIONS.items():
        found = document["questions"][key]
        st.subheader(title, anchor=False)
        if found["undefined"]:
            small(f"Krippendorff's alpha is undefined: {found['undefined']}.")
        else:
            low, high = found["interval"]
            small(f"Krippendorff's alpha {found['alpha']:.3f} (95 %: {low:.3f} to {high:.3f}).")
        if found["agreed"] is not None:
            same = f"Of all pairs of answers to one image, {found['agreed']:.1%} are the same"
            small(f"{same} ({found['compared']} images with two answers or more).")
        table(
            {"name": "Annotator", "units": "Images", "agreed": "As the others", "accuracy": "Right (Dawid, Skene)"},
            [
                {**one, "agreed": percent(one["agreed"]), "accuracy": percent(one["accuracy"])}
                for one in found["per_annotator"]
            ],
        )
        with st.expander("Pairs, answers, confusion"):
            pairs = [
                {**pair, "agreed": percent(pair["agreed"]), "alpha": three(pair["alpha"])} for pair in found["pairs"]
            ]
            table({"first": "", "second": "", "units": "Images", "agreed": "The same", "alpha": "Alpha"}, pairs)
            values = [{"value": value, "alpha": three(alpha)} for value, alpha in found["per_value"].items()]
            table({"value": "Answer", "alpha": "Alpha against all others"}, values)
            confusion = found["confusion"]
            cells = [
                {"first": first, "second": second, "images": count}
                for first, row in zip(confusion["values"], confusion["matrix"], strict=True)
                for second, count in zip(confusion["values"], row, strict=True)
                if count
            ]
            heat = alt.Chart(alt.InlineData(cells)).mark_rect()
            chart(
                heat.encode(
                    alt.X("first:N", title=None, axis=alt.Axis(labelAngle=-40, labelLimit=160)),
                    alt.Y("second:N", title=None, axis=alt.Axis(labelLimit=160)),
                    alt.Color("images:Q", scale=alt.Scale(scheme="teals", type="sqrt"), title="met"),
                    alt.Tooltip(["first:N", "second:N", "images:Q"]),
                ),
                cells,
            )
        if found["second_opinion"]:
            small(f"Dawid and Skene would decide {len(found['second_opinion'])} images otherwise, or break a tie.")
    captions = document["captions"]
    if captions["records"]:
        text = f"Captions of a record: distinct-2 {captions['distinct_2']:.3f}, likeness {captions['likeness']:.3f}"
        small(f"{text} ({captions['records']} of {captions['of']} records looked at).")
    if document["removed_types"]:
        notice(f"Chosen, but not in the taxonomy any more: {', '.join(document['removed_types'])}")
    download("Agreement as CSV", "agreement.csv", as_table(document))


def show_release(workspace: Workspace, name: str, seen: Overview) -> None:
    items = "".join(
        f'<li class="{"done" if point.done else "open"}">{html.escape(point.what)}'
        + (f" <small>{html.escape(point.next_step)}</small>" if point.next_step else "")
        + "</li>"
        for point in checklist(workspace, seen.types)
    )
    st.html(f'<ul class="gs-list">{items}</ul>')
    st.subheader("The rules", anchor=False)
    small("All records through all rules, as gatherset validate does. It takes a while where there are many.")
    if st.button("Check all records now"):
        with st.spinner("Checking"):
            report = validate_target(workspace.root, None)
        st.session_state.checked = (report.summary(), dict(report.counts), dict(report.rules))
    if checked := st.session_state.get("checked"):
        summary, counts, levels = checked
        small(summary)
        rows = [
            {"rule": rule, "level": levels.get(rule, "error"), "count": count}
            | {"title": RULES[rule].title if rule in RULES else ""}
            for rule, count in sorted(counts.items(), key=lambda item: (levels.get(item[0]) != "error", item[0]))
        ]
        table({"rule": "Rule", "level": "Level", "count": "Findings", "title": "What should hold"}, rows)


def show_steering(workspace: Workspace, name: str, seen: Overview) -> None:
    queue = workspace.settings.queue
    st.subheader("How many are asked", anchor=False)
    with st.form("queue", border=False):
        overlap = st.number_input("Annotators an image goes to", 1, 20, queue.overlap)
        most = st.number_input("At most, while they disagree; then a reviewer decides", 1, 20, queue.max_overlap)
        rate = st.number_input("Share of images of known answer, mixed in", 0.0, 1.0, queue.gold_rate, 0.01)
        if st.form_submit_button("Change"):
            done(
                lambda: change_queue(
                    workspace, name, overlap=int(overlap), max_overlap=int(most), gold_rate=float(rate)
                ),
                "Changed, in gatherset.toml and in the tasks that wait.",
            )
    if changed := last_change(workspace):
        small(f"The last change here: {changed}.")
    st.subheader("What comes first", anchor=False)
    waiting = groups(workspace)
    if not waiting:
        small("Nothing waits in the queue.")
    for number, group in enumerate(waiting):
        left, right = st.columns([3, 1])
        with left:
            text = f"{group.part}, {group.dataset or 'no collection named'}: {group.waiting} images wait"
            small(f"{text}{', first of all' if group.first else ''}.")
        label = "In turn" if group.first else "First"
        if right.button(label, key=f"group-{number}"):
            done(
                partial(put_first, workspace, group.part, group.dataset, name, first=not group.first),
                "The queue hands them out in turn again." if group.first else "The queue hands them out first.",
            )


def show_returned(workspace: Workspace, name: str, seen: Overview) -> None:
    back, count = returned_annotations(workspace, RETURNED), count_returned(workspace)
    st.subheader("Returned", anchor=False)
    small(
        "What came back from Label Studio and is no submission: it breaks a rule, or its image had all its answers. "
        "What breaks a rule is before its annotator again there, with the reason."
    )
    items = "".join(
        f'<li class="open"><a href="{html.escape(one.url)}">{one.image}</a>, {html.escape(one.author)}, '
        f"{one.standing}: {html.escape(one.why)}</li>"
        for one in back
    )
    st.html(f'<ul class="gs-list">{items}</ul>')
    if count > len(back):
        small(f"The latest {len(back)} of {count:,}. All of them: gatherset labelstudio returned")
    columns = ("image", "author", "standing", "why", "url")
    rows = [
        {**{column: getattr(one, column) for column in columns}, "returned": json.dumps(one.returned)} for one in back
    ]
    download("These as CSV, as they came back", "returned.csv", as_csv([*columns, "returned"], rows))


def done(act: Callable[[], object], said: str) -> None:
    """Do it, and draw the page anew with what came of it."""
    try:
        act()
        st.session_state.said = said
    except GathersetError as error:
        st.session_state.said, st.session_state.wrong = str(error), True
    st.rerun()


def chart(drawn: alt.Chart, rows: Sequence[object]) -> None:
    if rows:
        st.altair_chart(drawn)
    else:
        small("Nothing yet.")


def download(label: str, name: str, text: str) -> None:
    st.download_button(label, text.encode("utf-8"), name, "text/csv", key=name)


def percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def three(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


main()
