// Checks one entry in this browser, step by step, and draws the path. What was seen before is remembered in this browser: a
// log that answers under another key, or shorter than it was, is told.
import { base64, climb, committed, leafHash, parseNote, parseProof, parseVkey, same, signatureHolds, unbase64 } from "./merkle.js";

const section = document.getElementById("verify");
const button = document.getElementById("verify-now");
const list = document.getElementById("verify-steps");
const figure = document.getElementById("verify-picture");
const SVG = "http://www.w3.org/2000/svg";

function step(good, text) {
  const item = document.createElement("li");
  item.className = good === null ? "open" : good ? "good" : "bad";
  item.textContent = text;
  list.append(item);
  return good !== false;
}

async function check() {
  list.replaceChildren();
  figure.hidden = true;
  button.disabled = true;
  try {
    await verify();
  } catch (error) {
    step(false, `It could not be verified: ${error.message}.`);
    result(false);
  } finally {
    button.disabled = false;
    button.textContent = "Verify again";
  }
}

async function fetched() {
  for (let tries = 0; ; tries += 1) {
    const answer = await fetch(`/review/entries/${section.dataset.index}/proof`);
    if (answer.ok) return answer.json();
    if (answer.status !== 503 || tries === 3) throw new Error(`the proof was not given (${answer.status})`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function verify() {
  if (!globalThis.crypto?.subtle) throw new Error("this browser gives no cryptography outside HTTPS");
  const given = await fetched();
  const proof = parseProof(given.proof), note = parseNote(proof.note), key = await parseVkey(given.vkey);
  let good = step(proof.index === Number(section.dataset.index), "The proof is for this entry.");
  if (given.payload === null) {
    step(null, "The entry’s words were erased with the client’s data. Its place in the log can still be checked.");
  } else {
    good = step(same(await committed(unbase64(given.salt), given.payload), proof.leaf), "The leaf commits to exactly this entry’s words.") && good;
    good = step(shows(JSON.parse(given.payload)), "These words are what this page shows: who, when, what, of whom, for what, and how it was decided.") && good;
  }
  const climbed = await climb(proof.index, note.size, await leafHash(proof.leaf), proof.path);
  const reached = same(climbed.root, note.root);
  good = step(reached, `${proof.path.length} hashes lead from the leaf to the root of ${note.size.toLocaleString("en")} entries.`) && good;
  const signed = await signedBy(key, note);
  good = step(signed, `The root is signed by the log’s key ${key.name} (${key.id}).`) && good;
  if (reached && signed) good = (await seenBefore(given.tenant, given.vkey, note)) && good;
  draw(climbed, proof.index, note, reached && signed);
  result(good);
}

// Both are in canonical form, so that equal values are equal texts.
function shows(payload) {
  const words = Object.entries(JSON.parse(section.dataset.words));
  return words.every(([name, value]) => JSON.stringify(payload[name]) === JSON.stringify(value));
}

async function signedBy(key, note) {
  const line = note.signatures.find((s) => s.name === key.name && s.id === key.id);
  return note.origin === key.name && line !== undefined && signatureHolds(key.key, line.signature, note.text);
}

// While a key is exchanged, checkpoints carry both signatures: the old one vouches for the new. Who did not look meanwhile has to
// compare the new one themselves.
async function seenBefore(tenant, vkey, note) {
  const name = `log:${tenant}`, seen = JSON.stringify({ vkey, size: note.size });
  const known = JSON.parse(localStorage.getItem(name) ?? "null");
  if (known === null) {
    step(null, "This browser sees the log’s key for the first time, and remembers it.");
  } else if (note.size < known.size) {
    return step(false, `This browser has seen the log longer: ${known.size} entries.`);
  } else if (known.vkey === vkey) {
    step(true, "The key is the one that this browser saw before, and the log is not shorter.");
  } else if (await parseVkey(known.vkey).then((before) => signedBy(before, note), () => false)) {
    step(true, "The log’s key was exchanged: the one that this browser saw before signed this too. The log is not shorter.");
  } else {
    step(false, "The log’s key is not the one that this browser saw before.");
    offer(vkey, () => localStorage.setItem(name, seen));
    return false;
  }
  localStorage.setItem(name, seen);
  return true;
}

function offer(vkey, accept) {
  const item = document.createElement("li"), words = document.createElement("code"), trust = document.createElement("button");
  item.className = "open";
  words.textContent = vkey;
  trust.type = "button";
  trust.className = "quiet";
  trust.textContent = "It is the same: trust it from now on";
  trust.addEventListener("click", () => { accept(); check(); });
  item.append("Was it exchanged? Compare it with the key that your operator hands out: ", words, " ", trust);
  list.append(item);
}

function result(good) {
  const item = document.createElement("li");
  item.className = `result ${good ? "good" : "bad"}`;
  item.textContent = good ? "Verified: this entry stands in the signed log, unchanged." : "Not verified.";
  list.prepend(item);
}

function shape(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// the leaf stands at the bottom, the signed root on top; what the server gave is light, what this browser computed is full
function draw({ steps, root }, index, note, good) {
  const width = 360, row = 54, top = 24, levels = steps.length, middle = width / 2;
  const height = top + (levels + 1) * row - 10;
  const picture = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
  picture.append(shape("title", {}, `Path of ${levels} hashes from entry ${index} up to the signed root of ${note.size} entries`));
  const y = (level) => top + (levels - level) * row;
  const node = (cx, cy, kind, hash, label) => {
    const group = shape("g", { class: kind });
    group.append(shape("rect", { x: cx - 46, y: cy - 15, width: 92, height: 30, rx: 8 }));
    group.append(shape("text", { x: cx, y: cy + 4, "text-anchor": "middle" }, label ?? `${base64(hash).slice(0, 8)}…`));
    return group;
  };
  const nodes = [];
  for (let level = 0; level < levels; level += 1) {
    const beside = steps[level].side === "left" ? 52 : width - 52, turn = steps[level].side === "left" ? middle - 30 : middle + 30;
    picture.append(shape("path", { class: "given", d: `M${beside} ${y(level) - 15} V${y(level) - 27} H${turn} L${middle} ${y(level + 1) + 15}` }));
    picture.append(shape("path", { class: "own", d: `M${middle} ${y(level) - 15} V${y(level + 1) + 15}` }));
    nodes.push(node(middle, y(level), level === 0 ? "leaf" : "own", steps[level].hash, level === 0 ? `entry ${index}` : undefined));
    nodes.push(node(beside, y(level), "given", steps[level].sibling));
  }
  nodes.push(node(middle, y(levels), good ? "root" : "root broken", root, levels ? undefined : `entry ${index}`));
  picture.append(...nodes);
  figure.querySelector(".canvas").replaceChildren(picture);
  figure.querySelector("figcaption").textContent =
    "Filled: computed here from the entry. Outlined: given by the server. On top: the root, as the log’s key signed it.";
  figure.hidden = false;
}

button.hidden = false;
button.addEventListener("click", check);
if (location.hash === "#verify") check();
