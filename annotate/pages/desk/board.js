// What both desks are: elements below a root, listeners that end with it, a person who speaks with the server and is
// told what came of it. Stands between browser.js and the desk that extends it.

class Board {
  // path: where the server answers this desk; kept: what the person is told is safe while the server cannot answer.
  constructor(root, data, { path, kept }) {
    this.root = root;
    this.data = data;
    this.path = path;
    this.kept = kept;
    this.ends = new AbortController(); // takes all listeners away at once
    this.work = null; // what lies on the desk, as the server handed it out
    this.now = null; // the answer as it stands
    this.on(window, "storage", ({ key, newValue }) => key === "gatherset:signed-out" && newValue !== null && this.signedOut());
  }

  $(id) {
    return this.root.querySelector(`#${id}`);
  }

  on(target, name, act, options = {}) {
    target.addEventListener(name, act, { signal: this.ends.signal, ...options });
  }

  // Somebody signed out in another tab: nothing of theirs is to stay in this browser.
  signedOut() {
    this.now = null;
    this.close();
    location.assign("sign-in");
  }

  close() {
    this.save({ keepalive: true });
    this.ends.abort();
    clearTimeout(this.timer);
  }

  // ---- speaking with the server ----

  // What every request carries.
  always() {
    return { annotator: this.data.annotator };
  }

  post(path, body, options = {}) {
    return ask(`${this.path}${path}`, { ...this.always(), ...body }, options);
  }

  // Asks until there is an answer: a server that is being started again is not an error.
  async persist(path, body) {
    for (;;) {
      try {
        const answer = await this.post(path, body);
        this.status("");
        return answer;
      } catch (error) {
        if (error instanceof Refusal && error.status < 500) throw error;
        this.status(`${trouble(error)}. ${this.kept} is kept; trying again…`, true);
        await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER));
        if (this.ends.signal.aborted) throw error;
      }
    }
  }

  // on: what this desk does about a refusal of that kind, {kind: act}.
  refused(error, on) {
    if (!(error instanceof Refusal)) {
      if (!this.ends.signal.aborted) console.error(error);
      return;
    }
    if (error.kind === "signed_out") this.notice(`${error.what}. What you typed is kept in this browser.`, "bad", "Sign in", () => location.assign("sign-in"));
    else if (on[error.kind]) on[error.kind]();
    else this.problems([`${error.what}. ${error.next_step || ""}`]);
  }

  // ---- telling the person ----

  listKeys(keys) {
    this.$("keys").replaceChildren(
      ...keys.flatMap(([names, what]) => [element("dt", {}, element("kbd", { textContent: names })), element("dd", { textContent: what })]),
    );
  }

  // A check box that this browser remembers, on until it was switched off.
  remembered(id, changed = () => {}) {
    const box = this.$(id);
    box.checked = quietly(() => localStorage.getItem(`gatherset:${id}`)) !== "off";
    this.on(box, "change", () => {
      quietly(() => localStorage.setItem(`gatherset:${id}`, box.checked ? "on" : "off"));
      changed();
    });
  }

  button(text, key, act, className = "") {
    const made = element("button", { type: "button", className }, `${text} `, key ? element("kbd", { textContent: key, ariaHidden: "true" }) : "");
    this.on(made, "click", act);
    return made;
  }

  status(text, off = false) {
    this.$("status").textContent = text;
    this.$("status").classList.toggle("off", off);
  }

  notice(text, className = "", label = "", act = null) {
    for (const there of this.$("notices").children) if (there.textContent.startsWith(text)) return there;
    const made = element("div", { className: `notice ${className}` }, element("p", { textContent: text }), label ? this.button(label, "", act) : "");
    this.$("notices").append(made);
    return made;
  }

  problems(texts) {
    this.$("problems").replaceChildren(...texts.map((text) => element("p", { textContent: text[0].toUpperCase() + text.slice(1) })));
  }

  // ---- keys ----

  // Of a key that is this desk's to hear: what was hit, and whether it writes; null for those of a dialog or of a
  // field of the page around.
  heard(event, fields) {
    const target = event.composedPath()[0];
    const writing = target.matches?.(fields);
    if (this.root.querySelector("dialog[open]")) return null;
    if (!this.root.contains(target) && (writing || target.closest?.("[role=dialog]"))) return null;
    return { target, writing };
  }
}
