// An export with its progress. Without this script the link is a plain download. Each row names its entry's time, newest first, and
// the answer's `Export-Span` says from when to when the export goes: how far back the rows have come is how far it is. What arrives
// is put away as Blobs, which the browser keeps outside the page's memory; a stream that breaks off leaves no file.
const link = document.getElementById("export");
const box = document.getElementById("export-progress");
const bar = document.getElementById("export-bar"), count = document.getElementById("export-count");
const said = document.getElementById("export-said"), stop = document.getElementById("export-stop");
const ROW = /^\d+,(\d{4}-\d\d-\d\dT[0-9:.]+Z),/gm;
const PIECE = 4 * 1024 * 1024;
const EVERY_MS = 200;
let running = null;

const many = (n) => `${n.toLocaleString("en")} ${n === 1 ? "entry" : "entries"}`;

function spanOf(answer) {
  const [oldest, newest] = (answer.headers.get("Export-Span") ?? "").split("/").map((text) => Date.parse(text));
  return newest > oldest ? { oldest, newest } : null;
}

// Rows so far and the time of the last one, from bytes that may end within a row.
function reader() {
  const decoder = new TextDecoder();
  let rest = "", rows = 0, last = NaN;
  return {
    take(bytes) {
      const text = rest + decoder.decode(bytes, { stream: true });
      const end = text.lastIndexOf("\n") + 1;
      rest = text.slice(end);
      for (const row of text.slice(0, end).matchAll(ROW)) { rows += 1; last = Date.parse(row[1]); }
    },
    get rows() { return rows; },
    get last() { return last; },
  };
}

function show(read, span) {
  const back = Number.isNaN(read.last) ? "" : `, back to ${new Date(read.last).toISOString().slice(0, 10)}`;
  count.textContent = many(read.rows) + back;
  if (!span || Number.isNaN(read.last)) return;
  bar.value = Math.max(bar.value || 0, Math.min(99, Math.floor(100 * (span.newest - read.last) / (span.newest - span.oldest))));
  const quarter = Math.floor(bar.value / 25) * 25;
  if (quarter > Number(bar.dataset.told)) {
    bar.dataset.told = quarter;
    said.textContent = `The export is ${quarter} percent done.`;
  }
}

function save(blob) {
  const url = URL.createObjectURL(blob);
  const made = document.createElement("a");
  made.href = url;
  made.download = "ledger-entries.csv";
  made.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function run(signal) {
  const answer = await fetch(link.href, { signal });
  if (!answer.ok || answer.redirected) throw new Error();
  const read = reader(), span = spanOf(answer), pieces = [];
  let waiting = [], size = 0;
  const ticking = setInterval(() => show(read, span), EVERY_MS);
  try {
    const from = answer.body.getReader();
    for (let part = await from.read(); !part.done; part = await from.read()) {
      read.take(part.value);
      waiting.push(part.value);
      size += part.value.length;
      if (size > PIECE) { pieces.push(new Blob(waiting)); waiting = []; size = 0; }
    }
  } finally {
    clearInterval(ticking);
    show(read, span);
  }
  save(new Blob([...pieces, ...waiting], { type: "text/csv" }));
  return read.rows;
}

async function begin(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return; // the browser's own ways with a link
  event.preventDefault();
  if (running) return;
  running = new AbortController();
  box.hidden = false;
  stop.hidden = false;
  bar.removeAttribute("value"); // not known yet how far
  bar.dataset.told = 0;
  count.textContent = "";
  said.textContent = "The export has begun.";
  try {
    const rows = await run(running.signal);
    bar.value = 100;
    said.textContent = `Done: ${many(rows)} saved as ledger-entries.csv.`;
  } catch {
    bar.value = 0;
    said.textContent = running.signal.aborted ? "Stopped: nothing was saved." : "The export broke off, and nothing was saved. Try again.";
  }
  stop.hidden = true;
  running = null;
}

if (link) {
  link.addEventListener("click", begin);
  stop.addEventListener("click", () => running?.abort());
}
