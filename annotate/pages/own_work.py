"""Your work: what an annotator has done, what became of it, and the texts that are kept for them."""

from __future__ import annotations

import html

import streamlit as st

from gatherset.annotate.desk import image_url
from gatherset.annotate.own_work import KeptDraft, Past, discard_draft, kept_drafts, past_work, progress_of
from gatherset.annotate.server import open_workspace
from gatherset.annotate.standing import standing
from gatherset.dataset.taxonomy import Taxonomy

STYLE = """<style>
.gs-past { display: flex; gap: 1rem; padding: .75rem 0; border-bottom: 1px solid #e0e6e4; }
.gs-past img { width: 9rem; height: 6.5rem; object-fit: cover; border-radius: .4rem; flex: none; }
.gs-past img.veiled { filter: blur(12px); }
.gs-past p { margin: 0 0 .25rem; }
.gs-past ol { margin: 0 0 .25rem; padding-left: 1.2rem; }
.gs-small { margin: 0; font-size: .9rem; color: #4a5a57; }
.gs-past small { color: #4a5a57; }
.gs-became { background: #fdf4e3; border-radius: .4rem; padding: .3rem .7rem; }
@media (max-width: 820px) { .gs-past { flex-direction: column; } .gs-past img { width: 100%; height: 10rem; } }
</style>"""


def main() -> None:
    workspace, name = open_workspace(), str(st.session_state.visitor)
    with workspace.catalog.read() as connection:
        progress, kept = progress_of(connection, name), kept_drafts(connection, name)
    past = past_work(workspace, name, limit=50)
    st.html(STYLE)
    st.header("Your work", anchor=False)
    # In this very tab: a desk that stays open in another one would keep what it holds.
    st.html(
        f"<p><b>{html.escape(name)}</b>: {progress.today} answered today, {progress.all} in all. "
        '<a href="sign-out" target="_self">Sign out</a></p>'
    )
    places = ", ".join(f"{count} {place}" for place, count in standing(workspace).items())
    small(f"The dataset {workspace.settings.name}: {places}.")
    if kept:
        st.subheader("Kept for you", anchor=False)
        small("You had begun these; the images went to someone else meanwhile, or you skipped them.")
        for draft in kept:
            st.html(kept_text(draft))
            st.button(
                "Discard", key=f"discard-{draft.task}", on_click=discard_draft, args=(workspace, name, draft.task)
            )
    corrected = [one for one in past if one.corrected]
    if corrected:
        st.subheader("Decided otherwise", anchor=False)
        small("What became of these images is not what you answered: worth a look.")
        for one in corrected:
            st.html(past_text(one, workspace.taxonomy))
    st.subheader("Your latest answers", anchor=False)
    if not past:
        small("None yet.")
    for one in past:
        if not one.corrected:
            st.html(past_text(one, workspace.taxonomy))


def small(text: str) -> None:
    """Streamlit's own captions are too pale to be read by everybody."""
    st.html(f'<p class="gs-small">{html.escape(text)}</p>')


def kept_text(draft: KeptDraft) -> str:
    items = "".join(f"<li>{html.escape(text)}</li>" for text in draft.captions)
    return f'<div class="gs-past"><div><ol>{items}</ol><small>Saved {draft.saved_at[:16]}</small></div></div>'


def past_text(past: Past, taxonomy: Taxonomy) -> str:
    answer = past.answer
    said = "Not a gathering" if answer["is_gathering"] is False else _title(answer["event_type"], taxonomy)
    items = "".join(f"<li>{html.escape(text)}</li>" for text in answer["captions"] if text.strip())
    became = ""
    if past.record is not None and past.corrected:
        texts = "".join(f"<li>{html.escape(entry['text'])}</li>" for entry in past.record["captions"])
        who = "The annotators agreed on" if past.decided_by == "agreement" else "A reviewer made it"
        why = f" ({html.escape(past.reason)})" if past.reason and past.decided_by != "agreement" else ""
        event = html.escape(_title(past.record["event"]["type"], taxonomy))
        became = f'<div class="gs-became"><p>{who} <b>{event}</b>{why}:</p><ol>{texts}</ol></div>'
    if past.rejected and past.corrected:
        became = '<div class="gs-became"><p>It was decided that this is <b>not a gathering</b>.</p></div>'
    veiled = ' class="veiled"' if past.sensitive else ""
    picture = f'<img src="{image_url(past.sha256, past.format)}" alt=""{veiled}>'
    when = past.submitted_at[:16].replace("T", " ")
    return (
        f'<div class="gs-past">{picture}<div><p><b>{html.escape(said)}</b> <small>{when}</small></p>'
        f"<ol>{items}</ol>{became}</div></div>"
    )


def _title(name: str | None, taxonomy: Taxonomy) -> str:
    return taxonomy[name].title if name in taxonomy.names and name else "A gathering"


main()
