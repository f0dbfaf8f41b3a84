// Whether staff and client share a surname or an address: session_notes compares what only it can open, and signs flags. This
// browser carries the signed flags to the log's page; what was compared stays where it was.
for (const form of document.querySelectorAll("form[data-likeness]")) {
  const button = form.querySelector("button"), said = form.querySelector("[role=status]");
  const label = form.querySelector("label"), address = form.querySelector("[data-address]");
  button.hidden = false;
  label.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    said.textContent = "Asking the record …";
    try {
      const answer = await fetch(`/v1/clients/${encodeURIComponent(form.dataset.likeness)}/likeness`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Purpose-Of-Use": "HCOMPL" },
        body: JSON.stringify({ sub: form.dataset.sub, name: form.dataset.name, address: address.value.trim() || null }),
      });
      if (!answer.ok) throw new Error();
      const { statement, signature } = await answer.json();
      form.elements.statement.value = statement;
      form.elements.signature.value = signature;
      form.submit();
    } catch {
      said.textContent = "It could not be compared: no such client any more, or you may not know them.";
      button.disabled = false;
    }
  });
}
