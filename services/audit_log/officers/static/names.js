// Names beside ids. The log keeps ids alone, so this browser asks the record itself, client by client; each answer is an
// entry of the log. Nothing is sent back to the log's pages, and nothing is kept when the page is left.
const chips = [...document.querySelectorAll("[data-client]")].filter((chip) => chip.classList.contains("client"));
const ids = [...new Set(chips.map((chip) => chip.dataset.client))];
const button = document.getElementById("names");
const said = document.getElementById("names-said");
const AT_ONCE = 4;

async function nameOf(id) {
  try {
    const answer = await fetch(`/v1/clients/${encodeURIComponent(id)}/name`, { headers: { "X-Purpose-Of-Use": "HCOMPL" } });
    if (!answer.ok) return null;
    const body = await answer.json();
    return body.erased ? "erased" : body.name;
  } catch {
    return null;
  }
}

async function show() {
  button.disabled = true;
  said.textContent = `Asking for ${ids.length === 1 ? "one name" : `${ids.length} names`} …`;
  const waiting = [...ids];
  let missing = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let id = waiting.shift(); id; id = waiting.shift()) {
      const name = await nameOf(id);
      if (name === null) { missing += 1; continue; }
      for (const chip of chips.filter((c) => c.dataset.client === id)) {
        const text = document.createElement("b");
        text.className = "name";
        text.textContent = name;
        chip.prepend(text, " ");
      }
    }
  }));
  button.hidden = true;
  said.textContent = missing
    ? `${missing} could not be had: no such client any more, or you may not know them.`
    : `Each name that was shown is an entry of the log.`;
}

if (button && ids.length) {
  button.hidden = false;
  button.addEventListener("click", show);
}
