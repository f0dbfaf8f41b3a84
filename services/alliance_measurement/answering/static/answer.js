// The page on the phone. The link's secret stands behind the `#`; it is exchanged once for a cookie that no script can read.
// Answers are kept sealed on this device (AES-GCM, a key that cannot be taken out of the browser) until the service has them.
"use strict";
const $ = (id) => document.getElementById(id);
const path = location.pathname;

function database() {
  return new Promise((done, fail) => {
    const opening = indexedDB.open("answers", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("kept");
    opening.onsuccess = () => done(opening.result);
    opening.onerror = () => fail(opening.error);
  });
}
async function kept(mode, work) {
  const db = await database();
  try {
    return await new Promise((done, fail) => {
      const turn = db.transaction("kept", mode), asked = work(turn.objectStore("kept"));
      turn.oncomplete = () => done(asked && asked.result);
      turn.onerror = turn.onabort = () => fail(turn.error);
    });
  } finally { db.close(); }
}
const get = (name) => kept("readonly", (s) => s.get(name));
const put = (name, value) => kept("readwrite", (s) => s.put(value, name));
const drop = (name) => kept("readwrite", (s) => s.delete(name));
const coded = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
const random = (n) => coded(crypto.getRandomValues(new Uint8Array(n)));

async function device() {
  let known = await get("device");
  if (!known) await put("device", known = random(32));
  return known;
}
async function key() {
  let known = await get("key");
  if (!known) await put("key", known = await crypto.subtle.generateKey({name: "AES-GCM", length: 256}, false, ["encrypt", "decrypt"]));
  return known;
}
const about = (id) => new TextEncoder().encode(id);
async function seal(id, value) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const data = await crypto.subtle.encrypt({name: "AES-GCM", iv, additionalData: about(id)}, await key(), new TextEncoder().encode(JSON.stringify(value)));
  await put("answers/" + id, {iv, data});
}
async function opened(id) {
  const found = await get("answers/" + id);
  if (!found) return null;
  try {
    const data = await crypto.subtle.decrypt({name: "AES-GCM", iv: found.iv, additionalData: about(id)}, await key(), found.data);
    return JSON.parse(new TextDecoder().decode(data));
  } catch { return null; }
}

async function open() {
  const shell = $("shell"), said = $("said"), again = $("again");
  if ($("plain")) $("plain").hidden = true;
  said.hidden = false;
  const secret = location.hash.slice(1);
  if (!secret) { if (!shell.dataset.state) said.textContent = shell.dataset.noLink; return; }
  const tell = (status) => { said.textContent = shell.getAttribute("data-fault-" + status) || shell.getAttribute("data-fault-other"); again.hidden = ["401", "409", "410"].includes(String(status)); };
  again.onclick = open;
  again.hidden = true;
  let answer;
  try {
    answer = await fetch(path + "/exchange", {method: "POST", headers: {"Authorization": "Link " + secret, "Content-Type": "application/json"}, body: JSON.stringify({device: await device()})});
  } catch { return tell(503); }
  if (!answer.ok) return tell(answer.status);
  location.replace(path);
}

async function answering() {
  const form = $("form"), id = form.dataset.about, told = $("told"), before = $("before");
  const all = [...form.querySelectorAll(".question")];
  const state = (await opened(id)) || {answers: {}, at: -1, view: "one", key: random(16)};
  let sending = false;

  const chosen = (q) => q.querySelector("input:checked");
  const range = (q) => q.querySelector("input[type=range]");
  const showLine = (q, value) => { q.querySelector("output").textContent = value === undefined ? form.dataset.unanswered : String(value); };
  for (const q of all) {
    const value = state.answers[q.dataset.item], line = range(q);
    if (line) { if (value !== undefined) line.value = value; showLine(q, value); }
    else if (value !== undefined) q.querySelector(`input[value="${value}"]`).checked = true;
    q.addEventListener("input", () => { const v = line ? Number(line.value) : Number(chosen(q).value); state.answers[q.dataset.item] = v; if (line) showLine(q, v); keep(); });
    q.querySelector(".skip").addEventListener("click", () => {
      if (line) showLine(q); else if (chosen(q)) chosen(q).checked = false;
      delete state.answers[q.dataset.item];
      keep();
      const next = all[all.indexOf(q) + 1];
      if (state.view === "one") move(1); else (next ? next.querySelector("legend") : $("send")).focus();
    });
  }
  let keeping = Promise.resolve();
  let waiting = 0;
  const keep = () => {
    form.dataset.kept = "not yet"; waiting++;
    keeping = keeping.then(() => seal(id, state)).catch(() => {}).then(() => { if (!--waiting) form.dataset.kept = "yes"; });
  };

  function show(focus) {
    const began = state.at >= 0, one = state.view === "one", last = state.at >= all.length - 1;
    before.hidden = began; form.hidden = !began;
    all.forEach((q, n) => { q.hidden = one && n !== state.at; });
    $("back").hidden = !one || state.at <= 0; $("next").hidden = !one || last; $("send").hidden = one && !last;
    form.elements.view.value = state.view;
    if (focus && began) all[one ? state.at : 0].querySelector("legend").focus();
  }
  function move(by) { told.textContent = ""; state.at = Math.min(Math.max(state.at + by, 0), all.length - 1); keep(); show(true); }
  $("begin").onclick = () => { state.at = 0; keep(); show(true); };
  $("back").onclick = () => move(-1);
  $("next").onclick = () => move(1);
  $("view").addEventListener("change", (e) => { state.view = e.target.value; keep(); show(false); e.stopPropagation(); });

  async function send() {
    if (sending) return;
    if (!Object.keys(state.answers).length) { told.textContent = form.dataset.none; return; }
    sending = true; state.sent = true; keep(); await keeping;
    told.textContent = form.dataset.sending;
    let answer;
    try {
      answer = await fetch(path + "/answers", {method: "POST", headers: {"Content-Type": "application/json", "Idempotency-Key": state.key}, body: JSON.stringify({answers: state.answers})});
    } catch { told.textContent = form.dataset.away; sending = false; return; }
    sending = false;
    if (answer.status === 422) { told.textContent = form.getAttribute("data-fault-409"); return; }
    if (!answer.ok) { told.textContent = (answer.status < 500 && form.getAttribute("data-fault-" + answer.status)) || form.dataset.failed; return; }
    const result = await answer.json();
    await drop("answers/" + id);
    form.hidden = before.hidden = true;
    $("after").hidden = false;
    if (result.reached) $("now").hidden = false;
    $("after").querySelector("h2").focus();
  }
  form.addEventListener("submit", (e) => { e.preventDefault(); state.key = state.sent ? state.key : random(16); send(); });
  addEventListener("online", () => { if (state.sent && $("after").hidden) send(); });
  show(false);
  document.documentElement.dataset.ready = "yes";
}

if ($("form")) answering(); else { open(); addEventListener("hashchange", open); }
