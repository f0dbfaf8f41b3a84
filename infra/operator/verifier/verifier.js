// One entry checked by this file alone: the proof from a file, the log's key from the person who reads. Nothing is fetched.
const list = document.getElementById("steps"), words = document.getElementById("words"), result = document.getElementById("result");

function step(good, text) {
  const item = document.createElement("li");
  item.className = good ? "good" : "bad";
  item.textContent = `${good ? "✓" : "✗"} ${text}`;
  list.append(item);
  return good;
}

function show(payload) {
  for (const [name, value] of Object.entries(payload)) {
    const term = document.createElement("dt"), told = document.createElement("dd");
    term.textContent = name;
    told.textContent = typeof value === "string" ? value : JSON.stringify(value);
    words.append(term, told);
  }
}

async function verify(given, vkey) {
  const proof = parseProof(given.proof), note = parseNote(proof.note), key = await parseVkey(vkey);
  let good = step(proof.index === given.index, `The proof is for entry ${given.index}.`);
  if (given.payload === null) {
    good = step(true, "The entry’s words were erased. Only its place in the log is checked.") && good;
  } else {
    const holds = same(await committed(unbase64(given.salt), given.payload), proof.leaf);
    good = step(holds, "The leaf commits to exactly the words below.") && good;
    if (holds) show(JSON.parse(given.payload));
  }
  const climbed = await climb(proof.index, note.size, await leafHash(proof.leaf), proof.path);
  good = step(same(climbed.root, note.root), `${proof.path.length} hashes lead from the leaf to the root of ${note.size} entries.`) && good;
  const line = note.signatures.find((s) => s.name === key.name && s.id === key.id);
  const signed = note.origin === key.name && line !== undefined && (await signatureHolds(key.key, line.signature, note.text));
  return step(signed, `The root ${base64(note.root)} is signed by the key that you gave: ${key.name}.`) && good;
}

document.getElementById("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  list.replaceChildren();
  words.replaceChildren();
  result.textContent = "";
  let good = false;
  try {
    if (!globalThis.crypto?.subtle) throw new Error("this browser gives no cryptography to files: use a newer one, or the command");
    const file = document.getElementById("proof").files[0];
    if (!file) throw new Error("choose the file with the proof");
    good = await verify(JSON.parse(await file.text()), document.getElementById("vkey").value.trim());
  } catch (error) {
    step(false, `It could not be verified: ${error.message}.`);
  }
  result.className = good ? "good" : "bad";
  result.textContent = good ? "Verified: this entry stands in the signed log, unchanged." : "Not verified.";
});
