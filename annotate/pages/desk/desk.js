// The annotator's desk: draws one task, keeps what is typed, and sends it. What is right or wrong is decided by the
// server; this file knows no rule. Texts live in three places: here, in the browser's storage at every keystroke, and
// as a draft in the workspace a moment later.

const SAVE_AFTER = 300; // ms without a keystroke
const SAVE_AT_LEAST = 1500; // ms, however fast one types: the server holds the image as long as drafts come
const HOLD_EVERY = 60000; // ms; somebody who looks and does not type keeps the image too
const REASONS = [
  "I cannot tell what it shows", "The image is damaged or unreadable", "I would rather not look at it",
  "The captions are in a language that I do not read",
];
const FLAGS = { unsure: "Unsure", sensitive: "Graphic or sensitive", wrong_orientation: "Wrong orientation",
  personal_data: "Personal data visible" };
const KEYS = [
  ["1 … 9, 0", "choose the event type, outside the text boxes"], ["Y, N", "answer yes or no, where that is asked"],
  ["Tab", "the next box"], ["Esc", "leave the box"], ["Ctrl+Enter", "submit"], ["Alt+S", "skip, with a reason"],
  ["Alt+B", "back to your last submission, to correct it"], ["Alt+C", "correct captions that came with the image"],
  ["Alt+G", "guidelines"], ["Z", "a closer look"], ["?", "these keys"],
];
const UNFIT = "text_does_not_fit"; // the flag of a screening whose captions are of a gathering, and whose image is not
const mounted = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let desk = mounted.get(parentElement);
  if (desk && desk.data.annotator !== data.annotator) {
    desk.close();
    desk = undefined;
  }
  if (!desk) {
    desk = new Desk(parentElement, data);
    mounted.set(parentElement, desk);
    desk.open();
  }
  desk.tell = setTriggerValue;
  return () => {
    mounted.delete(parentElement);
    desk.close();
  };
}

// Three-way merge: what was changed here since both agreed (base) stays, the rest is taken from there.
function merged(base, here, there) {
  const result = { ...there };
  for (const field of Object.keys(here)) {
    if (same(here[field], base[field])) result[field] = there[field] ?? here[field];
    else if (["captions", "suggested"].includes(field)) {
      result[field] = here[field].map((value, i) => (same(value, base[field]?.[i]) ? there[field]?.[i] ?? value : value));
    } else result[field] = here[field];
  }
  return result;
}

// ---- the desk -----------------------------------------------------------------------------------------------------

class Desk extends Board {
  constructor(root, data) {
    super(root, data, { path: "work/", kept: "What you typed" });
  }

  open() {
    this.on(document, "keydown", (event) => this.key(event));
    this.on(window, "pagehide", () => this.save({ keepalive: true }));
    this.on(document, "visibilitychange", () => document.hidden && this.save({ keepalive: true }));
    for (const name of ["pointerdown", "keydown", "wheel"]) this.on(document, name, () => (this.present = true));
    this.holding = setInterval(() => this.hold(), HOLD_EVERY);
    this.on(this.$("form"), "submit", (event) => event.preventDefault());
    this.on(this.$("back"), "click", () => this.back());
    this.on(this.$("help"), "click", () => this.help());
    this.on(this.$("guidelines"), "click", () => this.tell("guidelines", true));
    this.on(this.$("correct"), "click", () => this.correct());
    this.on(this.$("skip-cancel"), "click", () => this.$("skip-dialog").close("cancel"));
    this.on(this.$("skip-dialog"), "close", () => this.skipped());
    this.picture = new Picture(this.root, this.ends.signal, () => this.focus());
    this.fill();
    this.begin();
  }

  close() {
    super.close();
    clearInterval(this.holding);
  }

  // What is the same for every task.
  fill() {
    this.listKeys(KEYS);
    this.$("reasons").replaceChildren(
      ...REASONS.map((text) => element("label", { className: "check" }, element("input", { type: "radio", name: "reason", value: text }), text)),
    );
    this.$("flags").replaceChildren(
      ...Object.entries(FLAGS).map(([name, title]) => {
        const box = element("input", { type: "checkbox", name });
        this.on(box, "change", () => this.changed("flags", [...this.$("flags").querySelectorAll(":checked")].map((b) => b.name).sort()));
        return element("label", { className: "check" }, box, title);
      }),
    );
    this.remembered("digits", () => this.showDigits());
    const groups = this.data.groups.map(([name, title]) => [title, this.data.types.filter((type) => type.group === name)]);
    const ordered = groups.flatMap(([title, types]) => types.map((type) => [title, type]));
    this.types = ordered.map(([, type]) => type);
    this.$("choices").replaceChildren(
      ...ordered.map(([title, type], i) => {
        const input = element("input", { type: "radio", name: "type", value: type.name });
        this.on(input, "change", () => this.choose(type.name));
        const label = element("label", { className: "choice" }, input,
          i < 10 ? element("kbd", { textContent: String((i + 1) % 10), ariaHidden: "true" }) : null,
          element("span", {}, element("span", { textContent: type.title }), element("small", { textContent: title })));
        this.on(label, "pointerenter", () => this.define(type.name));
        this.on(label, "pointerleave", () => this.define(this.now?.event_type));
        this.on(input, "focus", () => this.define(type.name));
        return label;
      }),
    );
    this.showDigits();
  }

  showDigits() {
    this.$("choices").querySelectorAll("kbd").forEach((kbd) => (kbd.hidden = !this.$("digits").checked));
  }

  refused(error) {
    super.refused(error, {
      gone: () => this.gone(),
      answered: () => this.notice(`${error.what}.`, "", "Next image", () => this.begin()),
    });
  }

  // ---- a task comes and goes ----

  async begin() {
    try {
      this.show(await this.persist("next", {}));
      this.bringLeftovers();
    } catch (error) {
      this.refused(error);
    }
  }

  // Words typed into earlier tasks that never reached the server, because it was gone then.
  async bringLeftovers() {
    const keys = quietly(() => Object.keys(localStorage)) ?? [];
    for (const key of keys.filter((name) => name.startsWith(this.prefix()) && name !== this.storageKey())) {
      const left = quietly(() => JSON.parse(localStorage.getItem(key)));
      if (!left?.now) continue;
      const bring = (revision, answer) => this.post("draft", { task: left.task, revision, version: left.version, answer });
      try {
        if (!same(left.base, left.now)) {
          await bring(left.revision, left.now).catch((error) => {
            if (error.kind !== "newer") throw error;
            return bring(error.draft.revision, merged(left.base, left.now, error.draft.content));
          });
        }
        localStorage.removeItem(key);
      } catch (error) {
        if (["answered", "wrong"].includes(error.kind)) localStorage.removeItem(key);
      }
    }
  }

  show(work) {
    clearTimeout(this.timer);
    this.work = work;
    this.unsaved = false;
    this.sending = false;
    this.findings = [];
    this.$("notices").replaceChildren();
    this.root.querySelector(".feedback")?.remove();
    this.problems([]);
    this.progress();
    this.status("");
    const { task } = work;
    this.$("form").hidden = !task;
    this.$("empty").hidden = Boolean(task);
    if (!task) {
      this.now = null;
      this.$("empty").replaceChildren(
        element("p", { textContent: work.rest
          ? `The team lead has paused your queue: ${work.rest}. What you have done is kept.`
          : "Nothing is left for you: thank you. Images that others still work on may come to you later." }),
        this.button("Look again", "", () => this.begin()),
      );
      return;
    }
    this.restore();
    this.looking = task.kind !== "screen" || !task.captions.length; // a screening begins with the text alone
    this.draw();
    this.picture.show(work);
    if (work.returned) {
      const { by, comment } = work.returned;
      this.notice(work.answer
        ? `${by} has reviewed your answer and sends it back: “${comment}” Correct it, or submit it as it is to stand by it.`
        : `${by} has reviewed this image and sends it back: “${comment}” It was handed over to you: please answer it.`, "back");
    } else if (work.correcting) {
      const said = work.answer.is_gathering === false ? "You said: not a gathering. " : "";
      this.notice(`You are correcting an answer that you gave earlier. ${said}Submitting replaces it.`, "", "Back to the queue", () => this.leave());
    }
    if (work.kept && !this.toldOfKept) {
      this.toldOfKept = true;
      const many = work.kept === 1 ? "A text of yours was" : `${work.kept} texts of yours were`;
      this.notice(`${many} never submitted, and kept: see Your work.`);
    }
    this.focus();
  }

  blank() {
    const { task } = this.work;
    const count = task.kind === "caption" ? this.data.captions_asked : 0;
    return { kind: task.kind, is_gathering: null, event_type: null, captions: Array(count).fill(""), flags: [],
      suggested: Array(count).fill(null), overruled: [] };
  }

  // The draft of the workspace, and on it what this browser knows and the workspace does not yet.
  restore() {
    const blank = this.blank();
    const known = this.work.draft?.content ?? this.work.answer;
    this.base = known ? { ...blank, ...this.fitting(known, blank) } : blank;
    this.revision = this.work.draft?.revision ?? 0;
    this.now = structuredClone(this.base);
    this.submissionKey = newKey();
    const kept = quietly(() => JSON.parse(localStorage.getItem(this.storageKey())));
    if (kept?.now && kept.version === this.work.version) {
      this.now = merged(kept.base, kept.now, this.now);
      this.submissionKey = kept.key;
    }
    if (!same(this.now, this.base)) this.changedSomething();
  }

  fitting(known, blank) {
    const fields = Object.fromEntries(Object.keys(blank).filter((name) => name in known).map((name) => [name, known[name]]));
    if (this.work.task.kind === "caption") {
      fields.captions = blank.captions.map((text, i) => known.captions?.[i] ?? text);
    }
    const count = (fields.captions ?? blank.captions).length;
    fields.suggested = Array.from({ length: count }, (_, i) => known.suggested?.[i] ?? null);
    fields.is_gathering = null; // said by the button that sends
    return fields;
  }

  prefix() {
    return `gatherset:draft:${encodeURIComponent(this.data.annotator)}:`; // no name begins with another and a colon
  }

  storageKey() {
    return this.work?.task ? `${this.prefix()}${this.work.task.id}` : "";
  }

  keep() {
    const { task, version } = this.work;
    const kept = { task: task.id, version, key: this.submissionKey, revision: this.revision, base: this.base, now: this.now };
    quietly(() => localStorage.setItem(this.storageKey(), JSON.stringify(kept)));
  }

  // ---- drawing ----

  draw() {
    const { task, suggestions } = this.work;
    const count = this.data.captions_asked;
    const sentences = count === 1 ? "a sentence" : `${count} sentences`;
    this.$("question").textContent = {
      caption: `Describe this image in ${sentences} and choose its event type`,
      event: "Which event type do this image and its captions show?",
      screen: !this.looking ? "Do these captions describe a mass gathering?"
        : task.captions.length ? "Does the text fit this image?" : "Is this a mass gathering?",
    }[task.kind];
    this.$("form").classList.toggle("text-first", !this.looking);
    const boxed = this.now.captions.length > 0;
    this.$("form").classList.toggle("unboxed", !boxed);
    this.$("given").hidden = boxed || !task.captions.length;
    this.$("given").replaceChildren(...task.captions.map((text) => element("li", { textContent: text })));
    this.$("correct").hidden = task.kind !== "event" || boxed;
    this.$("types").hidden = task.kind === "screen";
    this.boxes();
    this.suggest(suggestions);
    this.$("choices").querySelectorAll("input").forEach((input) => (input.checked = input.value === this.now.event_type));
    this.define(this.now.event_type);
    this.$("flags").querySelectorAll("input").forEach((box) => (box.checked = this.now.flags.includes(box.name)));
    this.buttons();
  }

  boxes() {
    this.$("boxes").replaceChildren(...this.now.captions.map((text, i) => {
      const id = `caption-${i + 1}`;
      const area = element("textarea", { id, value: text, rows: 2, maxLength: 1000, spellcheck: true, lang: this.data.language });
      area.setAttribute("aria-describedby", `${id}-remarks`);
      const count = element("span", { className: "count" });
      this.on(area, "input", () => this.typed(i, area.value));
      return element("div", { className: "box" },
        element("div", { className: "box-head" }, element("label", { htmlFor: id, textContent: `Caption ${i + 1}` }), count),
        area, element("div", { className: "remarks", id: `${id}-remarks` }));
    }));
    this.now.captions.forEach((_, i) => this.counted(i));
    this.remarks();
  }

  counted(i) {
    const box = this.$("boxes").children[i];
    const count = words(this.now.captions[i]);
    const machine = this.now.suggested[i] !== null;
    const origin = this.work.suggestions.find((one) => one.id === this.now.suggested[i])?.origin;
    const whose = origin === "imported" ? "came with it · " : "machine text · ";
    box.querySelector(".count").textContent = (machine ? whose : "") + (count ? `${count} ${count === 1 ? "word" : "words"}` : "");
    box.classList.toggle("machine", machine);
  }

  suggest(suggestions) {
    const { kind } = this.work.task;
    const fit = suggestions.filter((one) => (one.kind === "event" ? kind !== "screen" : this.now.captions.length));
    this.$("suggestions").hidden = !fit.length;
    this.$("suggestions").replaceChildren(element("h2", { textContent: "A model suggests" }), ...fit.map((one) => {
      const type = this.types.find((known) => known.name === one.value);
      const text = one.kind === "event" ? `Event type: ${type?.title ?? one.value}` : one.value;
      const use = element("button", { type: "button", textContent: "Use", ariaLabel: `Use: ${text}` });
      this.on(use, "click", () => this.accept(one));
      return element("div", { className: "suggestion" }, element("span", { textContent: text }),
        element("span", { className: "chip", title: one.model,
          textContent: one.origin === "imported" ? "came with it" : "machine text" }), use);
    }));
  }

  define(name) {
    const type = this.types.find((known) => known.name === name);
    this.$("definition").textContent = type ? `${type.title}: ${type.definition} Includes ${type.includes}. Not: ${type.excludes}.` : "";
  }

  buttons() {
    const { kind } = this.work.task;
    const yes = !this.looking ? "Yes, show the image" : this.work.task.captions.length ? "Yes, it fits" : "Yes, a gathering";
    const asked = kind === "screen"
      ? [this.button(yes, "Y", () => this.screen(true), "primary"), this.button("No", "N", () => this.screen(false))]
      : [this.button("Submit", "Ctrl+Enter", () => this.submit(), "primary"), this.button("Not a gathering", "", () => this.notGathering())];
    if (!this.work.correcting) asked.push(this.button("Skip", "Alt+S", () => this.skip()));
    this.$("buttons").replaceChildren(...asked);
  }

  progress() {
    const { progress, practice } = this.work;
    const counted = `${progress.today} today, ${progress.all} in all`;
    this.$("place").textContent = practice ? `Practice ${practice.number} of ${practice.of}` : `${this.data.annotator}: ${counted}`;
  }

  // ---- what the rules say ----

  remarks() {
    const places = [this.$("general"), ...[...this.$("boxes").children].map((box) => box.querySelector(".remarks"))];
    const typing = this.root.activeElement?.closest?.(".remark input");
    if (typing) return; // a reason is being written: what it is about stays where it is
    places.forEach((place) => {
      place.replaceChildren();
      place.inert = false;
    });
    for (const finding of this.findings ?? []) {
      (places[finding.caption ?? 0] ?? places[0]).append(this.remark(finding));
    }
    this.now?.captions.forEach((_, i) => {
      const area = this.$(`caption-${i + 1}`);
      area?.setAttribute("aria-invalid", String(this.findings.some((f) => f.caption === i + 1 && f.level === "error")));
    });
  }

  remark(finding) {
    const settled = this.now.overruled.find((one) => one.rule === finding.rule && one.caption === finding.caption);
    const text = finding.message.replace(/^caption \d+ /, "");
    const sentence = `${text[0].toUpperCase()}${text.slice(1)}. `;
    const made = element("div", { className: `remark ${finding.level} ${settled ? "settled" : ""}` },
      element("span", { textContent: settled ? `Kept as it is: ${settled.reason}` : `${sentence}${finding.next_step}.` }));
    if (finding.level === "warning") {
      const act = element("button", { type: "button", textContent: settled ? "Undo" : "Keep it" });
      this.on(act, "click", () => (settled ? this.overrule(finding, "") : this.askWhy(finding, made, act)));
      made.append(act);
    }
    return made;
  }

  askWhy(finding, place, act) {
    const where = finding.caption ? ` in caption ${finding.caption}` : "";
    const why = element("input", { placeholder: "Why is it right as it stands?", ariaLabel: `Why it is right as it stands${where}`, maxLength: 500 });
    this.on(why, "keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      event.stopPropagation();
      if (event.ctrlKey || event.metaKey) this.submit();
      else why.keep();
    });
    why.keep = () => this.overrule(finding, why.value);
    const done = element("button", { type: "button", textContent: "Keep" });
    this.on(done, "click", why.keep);
    act.replaceWith(why, done);
    why.focus();
  }

  overrule(finding, reason) {
    const others = this.now.overruled.filter((one) => one.rule !== finding.rule || one.caption !== finding.caption);
    const own = reason.trim() ? [{ rule: finding.rule, caption: finding.caption, reason: reason.trim() }] : [];
    this.changed("overruled", [...others, ...own]);
    this.root.activeElement?.blur?.();
    this.remarks();
    if (finding.caption) this.$(`caption-${finding.caption}`)?.focus();
    this.problems([]);
  }

  // ---- what the annotator does ----

  typed(i, text) {
    this.now.captions[i] = text;
    const { suggestions } = this.work;
    const origin = suggestions.find((one) => one.id === this.now.suggested[i]);
    if (origin && origin.value !== text) this.now.suggested[i] = null; // edited: it is the annotator's own now
    // A reason was given for other words.
    this.now.overruled = this.now.overruled.filter((one) => one.caption !== i + 1);
    // So is what the rules said: the Tab key goes past it to the next box, and does not choose a type with what follows.
    this.$("boxes").children[i].querySelector(".remarks").inert = true;
    this.counted(i);
    this.changedSomething();
  }

  changed(field, value) {
    this.now[field] = value;
    this.changedSomething();
  }

  changedSomething() {
    this.unsaved = true;
    this.keep();
    this.status("…");
    const since = Date.now() - (this.firstChange ??= Date.now());
    this.later(Math.max(0, Math.min(SAVE_AFTER, SAVE_AT_LEAST - since)));
  }

  choose(name) {
    this.changed("event_type", name);
    this.problems([]);
    const input = this.$("choices").querySelector(`input[value="${name}"]`);
    input.checked = true;
    this.define(name);
  }

  accept(one) {
    if (one.kind === "event") return this.choose(one.value);
    const empty = this.now.captions.findIndex((text) => !text.trim());
    if (empty < 0) return this.problems(["Every box has a caption: empty one to use this suggestion."]);
    this.now.captions[empty] = one.value;
    this.now.suggested[empty] = one.id;
    this.$(`caption-${empty + 1}`).value = one.value;
    this.counted(empty);
    this.changedSomething();
  }

  correct() {
    const { task } = this.work;
    if (task?.kind !== "event" || this.now.captions.length) return;
    this.now.captions = [...task.captions];
    this.base.captions = [...task.captions]; // what another tab has corrected goes before what nobody has touched
    this.now.suggested = task.captions.map(() => null);
    this.draw();
    this.changedSomething();
    this.$("caption-1").focus();
  }

  async save({ keepalive = false } = {}) {
    if (!this.now || !this.unsaved || this.saving || this.sending) return;
    clearTimeout(this.timer);
    const { task, version } = this.work;
    const sent = structuredClone(this.now);
    this.unsaved = false;
    this.firstChange = null;
    this.saving = true;
    let failed = false;
    try {
      const saved = await this.post("draft", { task: task.id, revision: this.revision, version, answer: sent }, { keepalive });
      if (this.work.task?.id !== task.id || this.ends.signal.aborted) return;
      this.revision = saved.revision;
      this.base = sent;
      if (this.sending) return;
      // Of words that were changed since, the rules say nothing yet: a remark about half a sentence would come between
      // the box and the next one just as the Tab key goes there.
      if (!this.unsaved) {
        this.findings = saved.findings;
        this.remarks();
      }
      this.keep();
      this.status(this.unsaved ? "…" : "Saved");
      if (!saved.place) this.gone();
    } catch (error) {
      if (this.work.task?.id !== task.id || this.ends.signal.aborted) return;
      this.unsaved = true;
      if (this.sending) return;
      if (error instanceof Refusal && error.kind === "newer") this.takeNewer(error.draft);
      else if (error instanceof Refusal && error.status < 500) {
        this.unsaved = false;
        this.refused(error);
      } else {
        failed = true;
        this.status(`${trouble(error)}. What you typed is kept in this browser`, true);
      }
    } finally {
      this.saving = false;
    }
    if (this.unsaved) this.later(failed ? RETRY_AFTER : SAVE_AFTER);
  }

  later(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), wait);
  }

  // Another tab has saved: its boxes come in, except where something was typed here too.
  takeNewer(draft) {
    const there = { ...this.blank(), ...this.fitting(draft.content, this.blank()) };
    this.now = merged(this.base, this.now, there);
    this.base = there;
    this.revision = draft.revision;
    const focused = this.root.activeElement?.id;
    this.draw();
    if (focused) this.$(focused)?.focus();
    this.$("notices").replaceChildren();
    this.notice("This image is open in another tab as well; both texts were brought together here.");
    this.changedSomething();
  }

  hold() {
    if (this.present && this.now && !document.hidden) {
      this.unsaved = true;
      this.save();
    }
    this.present = false;
  }

  gone() {
    if (this.$("notices").querySelector(".gone")) return;
    this.notice("This image went to someone else while you were away. Your text is kept, in case it comes back to you.", "bad gone", "Next image", () => this.begin());
  }

  answer() {
    const captions = this.now.captions.map((text) => text.trim());
    const imported = this.work.task.captions;
    const untouched = this.work.task.kind === "event" && same(captions, imported);
    const said = { ...this.now, captions: untouched ? [] : captions };
    if (untouched) Object.assign(said, { suggested: [], overruled: [] });
    return said;
  }

  submit() {
    // A reason that is written but not yet kept counts too.
    for (const why of this.root.querySelectorAll(".remark input")) if (why.value.trim()) why.keep();
    return this.send({ ...this.answer(), is_gathering: true });
  }

  notGathering() {
    const given = this.answer();
    const captions = given.captions.some(Boolean) ? given.captions : []; // kept for who comes back to correct it
    return this.send({ ...given, captions, suggested: [], overruled: [], is_gathering: false, event_type: null });
  }

  // First the text, then whether the image fits it; a no to the text needs no look at the image.
  screen(said) {
    if (said && !this.looking) {
      this.looking = true;
      this.draw();
      return this.focus();
    }
    const unfit = !said && this.looking && this.work.task.captions.length > 0;
    const flags = [...this.now.flags.filter((flag) => flag !== UNFIT), ...(unfit ? [UNFIT] : [])].sort();
    return this.send({ ...this.answer(), is_gathering: said, captions: [], suggested: [], flags });
  }

  async send(answer) {
    if (!this.work?.task || this.sending) return;
    this.sending = true;
    clearTimeout(this.timer);
    this.problems([]);
    this.locked(true);
    const { task, version, started_at, practice } = this.work;
    try {
      if (practice) return this.feedback(await this.persist("practice", { task: task.id, answer }));
      const given = { task: task.id, key: this.submissionKey, version, started_at, answer };
      const next = await this.persist("submission", given);
      quietly(() => localStorage.removeItem(this.storageKey()));
      this.show(next);
      if (next.stored.late) this.notice("Stored. The image has become a record meanwhile, so your answer changes nothing unless a reviewer takes it up.");
      else this.status("Stored");
    } catch (error) {
      if (error.kind === "refused") this.mend(error.findings);
      else this.refused(error);
    } finally {
      this.locked(false);
      this.sending = false;
      if (this.unsaved) this.later(SAVE_AFTER);
    }
  }

  locked(yes) {
    this.$("form").querySelectorAll("textarea").forEach((area) => (area.readOnly = yes));
    this.$("buttons").querySelectorAll("button").forEach((button) => (button.disabled = yes));
  }

  mend(findings) {
    this.findings = findings.filter((finding) => finding.caption);
    this.remarks();
    const general = findings.filter((finding) => !finding.caption);
    const boxes = [...new Set(this.findings.map((finding) => finding.caption))];
    const errors = this.findings.some((finding) => finding.level === "error");
    const where = `caption ${boxes.join(", ")}`;
    this.problems([
      ...general.map((finding) => `${finding.message}. ${finding.level === "warning" ? `${finding.next_step}.` : ""}`),
      ...(boxes.length ? [errors ? `Not stored yet: see ${where}.` : `Not stored yet: change ${where}, or keep it with a reason.`] : []),
    ]);
    this.$("general").replaceChildren(...general.filter((f) => f.level === "warning").map((finding) => this.remark(finding)));
    if (boxes.length) this.$(`caption-${boxes[0]}`)?.focus();
    else if (general.some((finding) => finding.message.includes("event type"))) this.$("choices").querySelector("input").focus();
  }

  feedback({ right, answer, explanation }) {
    const type = this.types.find((known) => known.name === answer.event_type);
    const known = answer.is_gathering === false ? "This is not a mass gathering." : type ? `The event type is ${type.title}.` : "This is a mass gathering.";
    const next = this.button("Next", "Enter", () => this.begin(), "primary");
    this.$("buttons").replaceChildren(next);
    this.$("problems").replaceChildren();
    const said = element("div", { className: `feedback ${right ? "" : "other"}` },
      element("p", {}, element("b", { textContent: right ? "Right. " : "Not what we are after. " }), known),
      explanation ? element("p", { textContent: explanation }) : "",
      answer.captions?.length ? element("p", { textContent: `For example: ${answer.captions.join(" ")}` }) : "");
    this.$("buttons").before(said);
    quietly(() => localStorage.removeItem(this.storageKey()));
    this.now = null;
    next.focus();
  }

  // A text that is on its way to the workspace arrives, and what was typed since follows it.
  async settle() {
    while (this.saving) await new Promise((resolve) => setTimeout(resolve, 20));
    await this.save();
  }

  skip() {
    if (!this.now || this.sending || this.work.correcting) return; // what is answered is corrected, not skipped
    this.skipping = this.work.task.id;
    this.$("skip-form").reset();
    this.$("skip-dialog").returnValue = "cancel";
    this.$("skip-dialog").showModal();
    this.$("reasons").querySelector("input").focus();
  }

  async skipped() {
    if (this.$("skip-dialog").returnValue !== "skip" || this.sending || this.work.task?.id !== this.skipping) return;
    const chosen = this.$("reasons").querySelector(":checked")?.value ?? "";
    const reason = [chosen, this.$("other").value.trim()].filter(Boolean).join(": ");
    if (!reason) return this.problems(["An image is skipped with a reason: choose one."]);
    const typed = this.now;
    this.locked(true);
    try {
      const key = this.storageKey();
      await this.settle(); // the text is kept
      const saved = !this.unsaved;
      this.now = null;
      const next = await this.persist("skip", { task: this.skipping, reason });
      if (saved) quietly(() => localStorage.removeItem(key));
      this.show(next);
    } catch (error) {
      this.now = typed;
      this.refused(error);
    } finally {
      this.locked(false);
    }
  }

  async back() {
    if (this.sending) return;
    try {
      await this.settle();
      const earlier = await this.persist("back", { before: this.work?.correcting ?? null });
      if (!earlier.task) return this.notice("There is no earlier submission of yours.");
      this.show(earlier);
    } catch (error) {
      this.refused(error);
    }
  }

  async leave() {
    this.unsaved = false; // the correction was not wanted after all
    try {
      await this.settle();
      quietly(() => localStorage.removeItem(this.storageKey()));
      this.now = null;
      this.show(await this.persist("discard", { task: this.work.task.id }));
    } catch (error) {
      this.refused(error);
    }
  }

  help() {
    this.$("help-dialog").showModal();
  }

  focus() {
    const box = this.now.captions.findIndex((text) => !text.trim());
    const small = matchMedia("(max-width: 820px)").matches; // there the picture comes first, and the keyboard covers it
    this.$("desk").scrollIntoView({ block: "start" });
    const target = this.work.task.kind === "caption" && box >= 0 && !small ? this.$(`caption-${box + 1}`) : this.$("desk");
    target.focus({ preventScroll: true });
  }

  key(event) {
    const heard = this.heard(event, "textarea, input:not([type=radio], [type=checkbox])");
    const act = heard && this.keyAct(event, heard.writing);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  keyAct(event, writing) {
    if (event.repeat || event.isComposing) return null; // a key that is held down answers one image, not the next as well
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") return () => this.work?.task?.kind !== "screen" && this.now && this.submit();
    if (event.altKey && !event.ctrlKey) {
      return { KeyS: () => this.skip(), KeyB: () => this.back(), KeyG: () => this.tell("guidelines", true), KeyC: () => this.correct() }[event.code];
    }
    if (event.ctrlKey || event.metaKey) return null;
    if (event.key === "Escape" && writing) return () => this.$("desk").focus({ preventScroll: true });
    if (writing) return null;
    if (event.key === "?") return () => this.help();
    if (!this.now) return null;
    if (event.key === "z" || event.key === "Z") return () => this.picture.toggle();
    const { kind } = this.work.task;
    if (kind === "screen" && this.looking && this.picture.coming) return null;
    if (kind === "screen") return { y: () => this.screen(true), n: () => this.screen(false) }[event.key.toLowerCase()];
    // By its place: on a French keyboard the key of the 1 types an ampersand.
    const number = event.code.match(/^Digit(\d)$/)?.[1] ?? event.key.match(/^\d$/)?.[0];
    const digit = number && this.$("digits").checked ? (Number(number) + 9) % 10 : -1;
    return this.types[digit] ? () => this.choose(this.types[digit].name) : null;
  }
}
