// The review desk: what the annotators said side by side, and the decision that is made of it. What may be stored is
// decided by the server. The decision in the making lives here, in the browser's storage, and as a draft in the workspace.

const SAVE_AFTER = 300; // ms without a change
const NO = "!no"; // in the choice of the type: not a gathering
const SHORTCUTS = [
  ["1 … 9", "take all that this annotator said; in a row, that row alone"], ["↓ ↑", "go through the rows"],
  ["Enter", "write in the row; choose the type"], ["Esc", "leave the box, then the row"], ["N", "not a gathering"],
  ["Ctrl+Enter", "store the decision"], ["R", "send back, with a comment"], ["L", "later: the next image first"],
  ["D", "discuss with the team"], ["O", "open a record, or any image"], ["Z", "a closer look"], ["?", "these keys"],
];
// Of the version of an image: who has decided last, and the revision of its record; not the answers.
const settled = (version) => String(version).split(".").slice(0, 2).join(".");
const mounted = new WeakMap();

export default function ({ data, parentElement }) {
  let desk = mounted.get(parentElement);
  if (desk && (desk.data.annotator !== data.annotator || desk.data.open !== data.open)) {
    desk.close();
    desk = undefined;
  }
  if (!desk) {
    desk = new Review(parentElement, data);
    mounted.set(parentElement, desk);
    desk.start();
  }
  return () => {
    mounted.delete(parentElement);
    desk.close();
  };
}

class Review extends Board {
  constructor(root, data) {
    super(root, data, { path: "review/", kept: "What you decided" });
    this.later = []; // tasks put off in this session
  }

  start() {
    this.on(document, "keydown", (event) => this.key(event));
    this.on(window, "pagehide", () => this.save({ keepalive: true }));
    this.on(this.$("form"), "submit", (event) => event.preventDefault());
    this.on(this.$("open"), "click", () => this.dialog("open", "wanted"));
    this.on(this.$("help"), "click", () => this.dialog("help"));
    this.on(this.$("reason"), "input", () => this.changed({ reason: this.$("reason").value }));
    for (const name of ["return", "discuss", "open"]) {
      const dialog = this.$(`${name}-dialog`);
      this.on(dialog.querySelector(".cancel"), "click", () => dialog.close("cancel"));
      this.on(dialog, "close", () => dialog.returnValue === "send" && this[`${name}Sent`]());
      this.on(dialog, "keydown", (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          event.stopPropagation(); // the desk would store the decision
          dialog.close("send");
        }
      });
    }
    this.listKeys(SHORTCUTS);
    this.remembered("single");
    this.picture = new Picture(this.root, this.ends.signal, () => this.$("desk").focus({ preventScroll: true }));
    if (this.data.open) this.openImage(this.data.open);
    else this.next({ gather: true });
  }

  always() {
    return { ...super.always(), later: this.later };
  }

  refused(error) {
    super.refused(error, {
      changed: () => {
        const again = this.work.image_id;
        this.notice(`${error.what}. Your text is kept.`, "bad", "Look again", () => {
          this.again = again;
          this.openImage(again);
        });
        this.notice("Or leave it as it is.", "", "Next image", () => this.dropAndGo());
      },
    });
  }

  async next(body = {}) {
    try {
      this.show(await this.persist("next", body));
    } catch (error) {
      this.refused(error);
    }
  }

  async openImage(name) {
    try {
      this.show(await this.persist("open", { image: name }));
    } catch (error) {
      if (!this.work && error.kind === "wrong") await this.next({ gather: true });
      this.refused(error);
    }
  }

  dropAndGo() {
    quietly(() => localStorage.removeItem(this.storageKey()));
    this.now = null;
    this.next();
  }

  // ---- an image comes and goes ----

  show({ review, waiting }) {
    clearTimeout(this.timer);
    this.work = review;
    this.unsaved = false;
    this.sending = false;
    this.findings = [];
    this.$("notices").replaceChildren();
    this.problems([]);
    this.status("");
    const total = waiting.reduce((sum, one) => sum + one.count, 0);
    const parts = waiting.map((one) => `${one.title}: ${one.count}`).join(" · ");
    this.$("place").textContent = total ? `${total} to review (${parts})` : "Nothing waits for review";
    this.$("form").hidden = !review;
    this.$("empty").hidden = Boolean(review);
    if (!review) {
      this.now = null;
      this.$("title").textContent = "";
      this.$("empty").replaceChildren(
        element("p", { textContent: total ? "Other reviewers hold what is left." : "Nothing waits for a reviewer: thank you." }),
        this.button("Look again", "", () => this.next({ gather: true })),
      );
      this.$("desk").focus({ preventScroll: true });
      return;
    }
    this.restore();
    this.draw();
    this.picture.show({
      task: { image: review.image, original: review.original, captions: review.imported, sensitive: review.sensitive },
      correcting: false,
    });
    this.$("desk").scrollIntoView({ block: "start" });
    this.$("desk").focus({ preventScroll: true });
    this.changedSomething({ quiet: true }); // the rules speak about the proposal too
  }

  restore() {
    const { proposal, draft } = this.work;
    this.revision = draft?.revision ?? 0;
    this.now = structuredClone({ ...proposal, ...(draft?.content ?? {}) });
    this.decisionKey = newKey();
    const kept = quietly(() => JSON.parse(localStorage.getItem(this.storageKey())));
    if (!kept?.now) return;
    // What was begun before somebody else decided would come back as this reviewer's decision: only where they have just
    // been told of that is it what they want.
    if (settled(kept.version) === settled(this.work.version) && kept.revision >= this.revision) {
      this.now = kept.now;
      if (kept.version === this.work.version) this.decisionKey = kept.key; // the same decision, sent again
    } else if (this.again === this.work.image_id) {
      this.now = kept.now;
      this.touched = this.again;
      this.keep();
    }
    this.again = null;
  }

  storageKey() {
    return `gatherset:verdict:${encodeURIComponent(this.data.annotator)}:${this.work.image_id}`;
  }

  keep() {
    const kept = { now: this.now, key: this.decisionKey, version: this.work.version, revision: this.revision };
    quietly(() => localStorage.setItem(this.storageKey(), JSON.stringify(kept)));
  }

  // ---- drawing ----

  draw() {
    const { work } = this;
    this.$("title").textContent = work.ref ?? work.image_id;
    const why = work.reasons.map((one) => element("li", {}, element("b", { textContent: `${one.title}: ` }), one.note));
    const skipped = work.skips.map((one) => element("li", {}, element("b", { textContent: `${one.annotator} skipped it: ` }), one.reason));
    const flags = work.flags.length ? [element("li", { textContent: `Flags: ${work.flags.join(", ").replaceAll("_", " ")}` })] : [];
    const rejected = work.rejected ? [element("li", { textContent: "It is rejected as no gathering." })] : [];
    this.$("why").replaceChildren(...why, ...skipped, ...flags, ...rejected);
    this.history();
    this.columns = work.opinions.length;
    this.$("desk").style.setProperty("--columns", Math.max(1, this.columns));
    this.$("heads").replaceChildren(element("h2", { textContent: "Decision" }), ...work.opinions.map((one, i) => this.head(one, i)));
    this.$("rows").replaceChildren(this.typeRow(), ...this.now.captions.map((_, i) => this.captionRow(i)));
    this.$("reason").value = this.now.reason;
    this.$("reason-label").textContent = work.record ? "Reason for the change" : "Reason, for those who come later (not needed)";
    this.buttons();
    this.refresh();
  }

  history() {
    const { record, history } = this.work;
    const lines = history.map((one) => `${one.at.slice(0, 16).replace("T", " ")}: ${one.by} ${one.kind} it${one.comment ? ` (${one.comment})` : ""}`);
    if (record) lines.push(`Record, revision ${record.revision}${record.split ? `, in ${record.split}` : ""}: ${record.reason} (${record.decided_by})`);
    this.$("history").replaceChildren(...lines.map((text) => element("p", { textContent: text })));
  }

  head(one, i) {
    const sure = { 1: "a guess", 2: "fairly sure", 3: "sure" }[one.confidence];
    const more = [sure, ...one.flags.map((flag) => flag.replaceAll("_", " ")), one.note].filter(Boolean).join(" · ");
    const made = element("button", { type: "button", className: "quiet head", ariaLabel: `Take all that ${one.annotator} said` },
      element("kbd", { textContent: String(i + 1), ariaHidden: "true" }), one.annotator, more ? element("small", { textContent: more }) : "");
    this.on(made, "click", () => this.takeAll(i));
    return made;
  }

  row(label, count, ...cells) {
    const made = element("div", { className: "row", tabIndex: -1, role: "group", ariaLabel: `${label}: the decision and what was said` },
      element("div", { className: "label" }, label, count), ...cells);
    return made;
  }

  typeRow() {
    const choice = element("select", { id: "type", ariaLabel: "Event type" });
    const groups = this.data.groups.map(([name, title]) => {
      const group = element("optgroup", { label: title });
      group.append(...this.data.types.filter((type) => type.group === name).map((type) => element("option", { value: type.name, textContent: type.title })));
      return group;
    });
    choice.append(element("option", { value: "", textContent: "Choose…" }), ...groups, element("option", { value: NO, textContent: "Not a gathering" }));
    const gone = this.now.event_type && !this.type(this.now.event_type);
    if (gone) choice.append(element("option", { value: this.now.event_type, textContent: this.title(this.now.event_type), disabled: true }));
    this.on(choice, "change", () => this.choose(choice.value));
    return this.row("Event type", "", choice, ...this.work.opinions.map((one, i) => this.said(one, i, this.typeSaid(one))));
  }

  type(name) {
    return this.data.types.find((known) => known.name === name);
  }

  title(name) {
    return this.type(name)?.title ?? `${name} (not in the taxonomy any more)`;
  }

  typeSaid(one) {
    if (one.is_gathering === false) return one.event_type ? `Not a gathering (${this.title(one.event_type)})` : "Not a gathering";
    return one.event_type ? this.title(one.event_type) : one.is_gathering ? "A gathering" : null;
  }

  said(one, i, text) {
    const made = element("button", { type: "button", className: "said" }, element("span", { className: "who", textContent: `${one.annotator}: ` }), text ?? "said nothing");
    made.disabled = text === null;
    this.on(made, "click", () => this.takeRow(0, i));
    return made;
  }

  captionRow(i) {
    const area = element("textarea", { id: `caption-${i + 1}`, value: this.now.captions[i], rows: 2, maxLength: 1000, spellcheck: true, lang: this.data.language, ariaLabel: `Caption ${i + 1}` });
    area.setAttribute("aria-describedby", `caption-${i + 1}-remarks`);
    this.on(area, "input", () => {
      this.now.captions[i] = area.value;
      this.changedSomething();
    });
    const remarks = element("div", { className: "remarks", id: `caption-${i + 1}-remarks` });
    // Where all have left the captions as they came, there is nothing to compare.
    const writers = this.work.opinions.some((one) => one.captions.length) ? this.work.opinions : [];
    const cells = writers.map((one, number) => {
      const text = one.captions[i];
      const made = element("button", { type: "button", className: "said" });
      made.disabled = !text;
      this.on(made, "click", () => this.takeRow(i + 1, number));
      return made;
    });
    const row = this.row(`Caption ${i + 1}`, element("span", { className: "count" }), element("div", {}, area, remarks), ...cells);
    row.classList.toggle("alone", !cells.length);
    return row;
  }

  // What follows from the decision as it stands: the marks, what is taken, the counts, what the rules say.
  refresh() {
    const { opinions, imported } = this.work;
    const [typeRow, ...captionRows] = this.$("rows").children;
    this.$("type").value = this.now.is_gathering ? this.now.event_type ?? "" : NO;
    opinions.forEach((one, i) => {
      const agrees = this.now.is_gathering ? one.is_gathering !== false && one.event_type === this.now.event_type : one.is_gathering === false;
      typeRow.querySelectorAll(".said")[i].classList.toggle("taken", agrees);
    });
    captionRows.forEach((row, i) => {
      const base = this.now.captions[i] ?? "";
      row.classList.toggle("off", !this.now.is_gathering);
      const count = words(base);
      row.querySelector(".count").textContent = count ? `${count} ${count === 1 ? "word" : "words"}` : "";
      row.querySelectorAll(".said").forEach((cell, number) => {
        const one = opinions[number];
        const text = one.captions[i];
        const who = element("span", { className: "who", textContent: `${one.annotator}: ` });
        cell.replaceChildren(who, ...(text ? differences(base, text) : [imported[i] && !one.captions.length ? "as it came" : "—"]));
        cell.classList.toggle("taken", Boolean(text) && text.trim() === base.trim());
      });
    });
    this.remarks();
  }

  remarks() {
    const places = [this.$("general"), ...this.now.captions.map((_, i) => this.$(`caption-${i + 1}-remarks`))];
    places.forEach((place) => place.replaceChildren());
    for (const finding of this.now.is_gathering ? this.findings : []) {
      const text = finding.message.replace(/^caption \d+ /, "");
      (places[finding.caption ?? 0] ?? places[0]).append(element("div", { className: `remark ${finding.level}` },
        element("span", { textContent: `${text[0].toUpperCase()}${text.slice(1)}. ${finding.next_step}.` })));
    }
  }

  buttons() {
    const asked = [this.button(this.work.record ? "Store the change" : "Decide", "Ctrl+Enter", () => this.decide(), "primary")];
    if (this.work.opinions.length) asked.push(this.button("Send back", "R", () => this.sendBack()));
    asked.push(this.button("Discuss", "D", () => this.dialog("discuss", "question")));
    asked.push(this.button(this.work.opened ? "Back to the queue" : "Later", "L", () => this.putOff()));
    this.$("buttons").replaceChildren(...asked);
  }

  // ---- what the reviewer does ----

  choose(value) {
    this.now.is_gathering = value !== NO;
    if (value !== NO) this.now.event_type = value || null;
    this.changedSomething();
  }

  takeAll(i) {
    const one = this.work.opinions[i];
    if (!one) return;
    this.takeType(one);
    one.captions.forEach((text, n) => n < this.now.captions.length && (this.now.captions[n] = text));
    this.drawCaptions();
    this.changedSomething();
  }

  takeType(one) {
    if (one.is_gathering !== null) this.now.is_gathering = one.is_gathering;
    else if (one.event_type) this.now.is_gathering = true;
    if (one.event_type && this.type(one.event_type)) this.now.event_type = one.event_type;
    else if (one.event_type) this.problems([`${this.title(one.event_type)}: choose another type.`]);
  }

  takeRow(row, i) {
    const one = this.work.opinions[i];
    if (!one) return;
    if (row === 0) this.takeType(one);
    else if (one.captions[row - 1]) this.now.captions[row - 1] = one.captions[row - 1];
    this.drawCaptions();
    this.changedSomething();
  }

  drawCaptions() {
    this.now.captions.forEach((text, i) => (this.$(`caption-${i + 1}`).value = text));
  }

  changed(fields) {
    Object.assign(this.now, fields);
    this.changedSomething();
  }

  changedSomething({ quiet = false } = {}) {
    this.unsaved = true;
    if (!quiet) {
      this.touched = this.work.image_id;
      this.keep();
      this.status("…");
    }
    this.refresh();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), quiet ? 0 : SAVE_AFTER);
  }

  async save({ keepalive = false } = {}) {
    if (!this.now || !this.unsaved || this.saving || this.sending) return;
    const { image_id } = this.work;
    const sent = structuredClone(this.now);
    this.unsaved = false;
    this.saving = true;
    try {
      const saved = await this.post("draft", { image: image_id, seen: this.work.version, revision: this.revision, verdict: sent, keep: this.touched === image_id }, { keepalive });
      if (this.work?.image_id !== image_id || this.ends.signal.aborted || this.sending) return;
      this.revision = saved.revision;
      this.findings = saved.findings;
      this.remarks();
      if (this.touched === image_id) {
        this.keep();
        this.status(this.unsaved ? "…" : "Saved");
      }
    } catch (error) {
      if (this.work?.image_id !== image_id || this.ends.signal.aborted || this.sending) return;
      if (error instanceof Refusal && error.kind === "newer") this.newer(error.draft);
      else if (error instanceof Refusal && error.status < 500) this.refused(error);
      else {
        this.unsaved = true;
        this.status(`${trouble(error)}. What you decided is kept in this browser`, true);
        this.timer = setTimeout(() => this.save(), RETRY_AFTER);
      }
    } finally {
      this.saving = false;
    }
    if (this.unsaved && !this.sending) this.timer = setTimeout(() => this.save(), SAVE_AFTER);
  }

  // Another tab of this reviewer has other text: which one is meant, only they can say.
  newer(draft) {
    this.$("notices").replaceChildren();
    this.revision = draft.revision;
    this.notice("This image is open in another tab, where you decided otherwise.", "bad", "Take that text", () => {
      this.now = structuredClone({ ...this.now, ...draft.content });
      this.$("notices").replaceChildren();
      this.draw();
      this.changedSomething();
    });
    this.notice("Or keep this one.", "", "Keep this one", () => {
      this.$("notices").replaceChildren();
      this.changedSomething();
    });
  }

  async decide() {
    await this.send("decide", { verdict: { ...this.now, captions: this.now.is_gathering ? this.now.captions : [] } });
  }

  async send(path, body) {
    if (!this.now || this.sending) return;
    this.sending = true;
    clearTimeout(this.timer);
    this.problems([]);
    this.$("notices").replaceChildren();
    this.locked(true);
    const { image_id, version } = this.work;
    try {
      while (this.saving) await new Promise((resolve) => setTimeout(resolve, 20));
      const next = await this.persist(path, { image: image_id, seen: version, key: this.decisionKey, ...body });
      quietly(() => localStorage.removeItem(this.storageKey()));
      this.show(next);
      this.status(path === "decide" ? "Stored" : "Sent back");
    } catch (error) {
      if (error.kind === "refused") {
        this.findings = error.findings;
        this.remarks();
        this.problems(error.findings.map((finding) => `${finding.message}. ${finding.next_step}.`));
      } else this.refused(error);
    } finally {
      this.locked(false);
      this.sending = false;
      if (this.unsaved && this.now) this.timer = setTimeout(() => this.save(), SAVE_AFTER);
    }
  }

  locked(yes) {
    this.$("buttons").querySelectorAll("button").forEach((button) => (button.disabled = yes));
  }

  async putOff() {
    if (!this.now || this.sending) return;
    await this.save();
    if (!this.work.opened) this.later = [...this.later.filter((task) => task !== this.work.task), this.work.task].slice(-500);
    this.now = null;
    this.next();
  }

  dialog(name, focus = "") {
    if (name === "discuss" && !this.now) return;
    const dialog = this.$(`${name}-dialog`);
    dialog.returnValue = "";
    this.$(`${name}-form`)?.reset();
    dialog.showModal();
    if (focus) this.$(focus).focus();
  }

  sendBack() {
    if (!this.now || !this.work.opinions.length) return;
    this.$("names").replaceChildren(...this.work.opinions.map((one) =>
      element("label", { className: "check" }, element("input", { type: "checkbox", value: one.annotator, defaultChecked: true }), one.annotator)));
    this.dialog("return", "comment");
  }

  returnSent() {
    const names = [...this.$("names").querySelectorAll(":checked")].map((box) => box.value);
    const comment = this.$("comment").value.trim();
    if (!names.length || !comment) return this.problems(["It is sent back to somebody, with a comment."]);
    return this.send("return", { names, comment });
  }

  async discussSent() {
    const question = this.$("question").value.trim();
    if (!question) return this.problems(["Say what is to be discussed."]);
    try {
      await this.persist("discuss", { image: this.work.image_id, question });
      this.notice("It is on the list of discussions.", "good");
    } catch (error) {
      this.refused(error);
    }
  }

  async openSent() {
    const name = this.$("wanted").value.trim();
    if (name) {
      await this.save();
      await this.openImage(name);
    }
  }

  // ---- keys ----

  key(event) {
    const heard = this.heard(event, "textarea, input:not([type=checkbox]), select");
    const act = heard && this.keyAct(event, heard.target, heard.writing);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  keyAct(event, target, writing) {
    if (event.isComposing) return null;
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") return event.repeat ? null : () => this.decide();
    if (event.ctrlKey || event.metaKey || event.altKey) return null;
    const row = target.closest?.(".row");
    if (event.key === "Escape") return () => (writing && row ? row : this.$("desk")).focus({ preventScroll: true });
    if (writing) return null;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.now) return () => this.walk(row, step);
    if (event.repeat) return null;
    if (event.key === "Enter") return row === target ? () => row.querySelector("textarea, select").focus() : null;
    if (!this.$("single").checked) return null;
    const number = event.code.match(/^Digit([1-9])$/)?.[1] ?? event.key.match(/^[1-9]$/)?.[0];
    if (number && this.now) {
      const rows = [...this.$("rows").children];
      return () => (row && rows.includes(row) ? this.takeRow(rows.indexOf(row), number - 1) : this.takeAll(number - 1));
    }
    if (event.key === "?") return () => this.dialog("help");
    if (event.key.toLowerCase() === "o") return () => this.dialog("open", "wanted");
    if (!this.now) return null;
    return {
      n: () => this.choose(this.now.is_gathering ? NO : this.now.event_type ?? ""), r: () => this.sendBack(),
      l: () => this.putOff(), d: () => this.dialog("discuss", "question"), z: () => this.picture.toggle(),
    }[event.key.toLowerCase()];
  }

  walk(row, step) {
    const rows = [...this.$("rows").children];
    const to = row ? rows.indexOf(row) + step : step > 0 ? 0 : rows.length - 1;
    (rows[to] ?? this.$("desk")).focus();
  }
}
