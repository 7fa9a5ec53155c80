// How a text differs from another, word by word. Stands before review.js.

const ALIKE = 0.3; // share of words in common below which two texts are simply two texts: nothing is marked

// Words that both have, in order: pairs of places (longest common subsequence).
function common(first, second) {
  const length = Array.from({ length: first.length + 1 }, () => new Uint16Array(second.length + 1));
  for (let i = first.length - 1; i >= 0; i--)
    for (let j = second.length - 1; j >= 0; j--)
      length[i][j] = first[i] === second[j] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
  const pairs = [];
  for (let i = 0, j = 0; i < first.length && j < second.length; ) {
    if (first[i] === second[j]) pairs.push([i++, j++]);
    else if (length[i + 1][j] >= length[i][j + 1]) i++;
    else j++;
  }
  return pairs;
}

// `text` as nodes: what it has and `base` has not is put in (ins), what it leaves out is struck through (del).
function differences(base, text) {
  const [old, now] = [base, text].map((one) => one.trim().split(/\s+/u).filter(Boolean));
  const pairs = common(old, now);
  if (!old.length || pairs.length < ALIKE * Math.max(old.length, now.length)) return [document.createTextNode(text)];
  const nodes = [];
  const add = (tag, list) => {
    if (!list.length) return;
    const words = `${list.join(" ")} `;
    nodes.push(tag ? element(tag, { textContent: words }) : document.createTextNode(words));
  };
  let [i, j, kept] = [0, 0, []];
  for (const [atOld, atNow] of [...pairs, [old.length, now.length]]) {
    if (atOld > i || atNow > j) {
      add("", kept);
      kept = [];
      add("del", old.slice(i, atOld));
      add("ins", now.slice(j, atNow));
    }
    if (atNow < now.length) kept.push(now[atNow]);
    [i, j] = [atOld + 1, atNow + 1];
  }
  add("", kept);
  return nodes;
}
