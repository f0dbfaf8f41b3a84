// The arithmetic of a transparency log, by this browser's own WebCrypto: RFC 6962 hashing, C2SP tlog-proof, signed note and
// vkey, Ed25519. Nothing here asks the server whether it is right.
const bytes = (text) => new TextEncoder().encode(text);
export const unbase64 = (text) => {
  const raw = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  if (base64(raw) !== text) throw new Error("not canonical base64");
  return raw;
};
export const base64 = (raw) => btoa(String.fromCharCode(...raw));
const hex = (raw) => [...raw].map((b) => b.toString(16).padStart(2, "0")).join("");
const joined = (...parts) => {
  const all = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const p of parts) { all.set(p, at); at += p.length; }
  return all;
};
const sha256 = async (raw) => new Uint8Array(await crypto.subtle.digest("SHA-256", raw));
export const leafHash = (leaf) => sha256(joined(Uint8Array.of(0), leaf));
const nodeHash = (left, right) => sha256(joined(Uint8Array.of(1), left, right));
export const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

// {leaf, index, path, note} of a c2sp.org/tlog-proof@v1 whose extra line is the leaf
export function parseProof(text) {
  const gap = text.indexOf("\n\n");
  if (gap < 0) throw new Error("the proof has no checkpoint");
  const lines = text.slice(0, gap).split("\n");
  if (lines.shift() !== "c2sp.org/tlog-proof@v1") throw new Error("not a c2sp.org/tlog-proof@v1");
  if (!lines[0]?.startsWith("extra ")) throw new Error("the proof does not carry its leaf");
  const leaf = unbase64(lines.shift().slice(6));
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? "");
  if (!index) throw new Error("the proof names no index");
  const path = lines.map(unbase64);
  if (path.some((hash) => hash.length !== 32)) throw new Error("a hash of the path is not 32 bytes");
  return { leaf, index: Number(index[1]), path, note: text.slice(gap + 2) };
}

// {origin, size, root, text, signatures: [{name, id, signature}]} of a checkpoint
export function parseNote(note) {
  const gap = note.lastIndexOf("\n\n");
  if (gap < 0) throw new Error("the checkpoint is not signed");
  const text = note.slice(0, gap + 1);
  const match = /^([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n((?:[^\n]+\n)*)$/.exec(text);
  if (!match) throw new Error("not a checkpoint");
  const signatures = note.slice(gap + 2).replace(/\n$/, "").split("\n").map((line) => {
    const part = /^\u2014 (\S+) (\S+)$/.exec(line);
    if (!part) throw new Error("a signature line is malformed");
    const blob = unbase64(part[2]);
    return { name: part[1], id: hex(blob.slice(0, 4)), signature: blob.slice(4) };
  });
  return { origin: match[1], size: Number(match[2]), root: unbase64(match[3]), text, signatures };
}

// {name, id, key} of a vkey; its id must be what name and key give
export async function parseVkey(vkey) {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(vkey);
  if (!match) throw new Error("not a verifier key");
  const material = unbase64(match[3]);
  if (material.length !== 33 || material[0] !== 1) throw new Error("not an Ed25519 verifier key");
  const id = hex((await sha256(joined(bytes(`${match[1]}\n`), material))).slice(0, 4));
  if (id !== match[2]) throw new Error("the key's id does not belong to it");
  return { name: match[1], id, key: material.slice(1) };
}

// Every step from leaf to root (RFC 9162, 2.1.3.2): [{hash, sibling, side}], side being where the sibling stands, and the root
export async function climb(index, size, leaf, path) {
  if (index >= size) throw new Error("the entry is newer than the checkpoint");
  let at = index, last = size - 1, hash = leaf;
  const steps = [];
  for (const sibling of path) {
    if (last === 0) throw new Error("the path is too long");
    const left = at % 2 === 1 || at === last;
    steps.push({ hash, sibling, side: left ? "left" : "right" });
    if (left) {
      hash = await nodeHash(sibling, hash);
      while (at % 2 === 0 && at !== 0) { at = Math.floor(at / 2); last = Math.floor(last / 2); }
    } else {
      hash = await nodeHash(hash, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) throw new Error("the path is too short");
  return { steps, root: hash };
}

export async function signatureHolds(key, signature, text) {
  const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", imported, signature, bytes(text));
}

// the leaf that stands for a payload under this salt
export async function committed(salt, payload) {
  const key = await crypto.subtle.importKey("raw", salt, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const commitment = base64(new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes(payload))));
  return bytes(`{"alg":"hmac-sha256","commitment":"${commitment}","v":1}`);
}
