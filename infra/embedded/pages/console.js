"use strict";
const path = document.getElementById("path"), said = document.getElementById("said"), shown = document.getElementById("answer");
const token = document.getElementById("token").textContent;
async function ask() {
  said.textContent = "asking …";
  const answer = await fetch(path.value, { headers: { Authorization: `Bearer ${token}` }, credentials: "omit" });
  const text = await answer.text(), entry = answer.headers.get("Audit-Entry");
  said.textContent = `${answer.status} ${answer.ok ? "answered" : "refused"}${entry ? `, Audit-Entry ${entry}` : ""}`;
  try { shown.textContent = JSON.stringify(JSON.parse(text), null, 2); } catch { shown.textContent = text; }
}
document.getElementById("ask").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
for (const button of document.querySelectorAll("[data-path]")) {
  button.addEventListener("click", () => { path.value = button.dataset.path; ask(); });
}
