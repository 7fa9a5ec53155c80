// What both desks need of the browser: making elements, keeping things, asking the server. Stands before them.

const RETRY_AFTER = 1500; // ms, while the server cannot be reached
const WORD = /[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*/gu;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function newKey() {
  // crypto.randomUUID is not there on a plain http address other than localhost.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, "0")).join("");
}

function words(text) {
  return (text.match(WORD) || []).length;
}

function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

// A browser's storage may be full or forbidden, and hold anything: the draft in the workspace is the one that counts.
function quietly(act) {
  try {
    return act();
  } catch {
    return null;
  }
}

class Refusal extends Error {
  constructor(status, body) {
    super(body.what);
    Object.assign(this, body, { status });
  }
}

// Why there is no answer: what the server says, where it can say something.
function trouble(error) {
  return error instanceof Refusal ? error.message : "Not connected";
}

// The server's answer to a request; a Refusal where it says no.
async function ask(path, body, options = {}) {
  const response = await fetch(path, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), ...options,
  });
  const answer = await response.json().catch(() => ({ kind: "unavailable", what: "The server cannot answer now" }));
  if (!response.ok) throw new Refusal(response.status, answer);
  return answer;
}
