// Draws an OpenAPI document of this deployment as a page. Text is set as text, never as markup.
const root = document.getElementById("reference");

const element = (tag, text, name) => {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (name) made.className = name;
  return made;
};

const example = (schema, depth = 0) => {
  if (!schema || depth > 6) return null;
  if ("const" in schema) return schema.const;
  if (schema.enum) return schema.enum.join(" | ");
  const choice = (schema.anyOf || schema.oneOf || []).find((s) => s.type !== "null");
  if (choice) return example(choice, depth + 1);
  if (schema.type === "array") return [example(schema.items || schema.prefixItems?.[0], depth + 1)];
  if (schema.type === "object" || schema.properties) {
    const entries = Object.entries(schema.properties || {});
    if (!entries.length && typeof schema.additionalProperties === "object") return { "…": example(schema.additionalProperties, depth + 1) };
    return Object.fromEntries(entries.map(([key, value]) => [key, example(value, depth + 1)]));
  }
  return schema.format ? `${schema.type} (${schema.format})` : schema.type || "any";
};

const table = (head, rows) => {
  const made = element("table"), line = element("tr");
  head.forEach((h) => line.append(element("th", h)));
  made.append(line);
  rows.forEach((row) => { const tr = element("tr"); row.forEach((cell) => tr.append(element("td", cell))); made.append(tr); });
  return made;
};

// what a person wrote says more than a name made from the function's
const brief = (op) => (op.description || op.summary || "").split(/(?<=[.:;])\s/)[0].replace(/[:;]$/, ".");

const operation = (verb, path, op) => {
  const box = element("details"), summary = element("summary");
  summary.append(element("span", verb.toUpperCase(), "verb"), element("code", path), document.createTextNode("  " + brief(op)));
  box.append(summary);
  if (op.description) box.append(element("p", op.description));
  if (op.parameters?.length) box.append(element("h3", "Parameters"), table(["name", "in", ""], op.parameters.map((p) => [p.name, p.in, p.description || (p.required ? "required" : "")])));
  const body = op.requestBody?.content?.["application/json"]?.schema;
  if (body) box.append(element("h3", "Body"), element("pre", JSON.stringify(example(body), null, 2)));
  box.append(element("h3", "Answers"), table(["status", ""], Object.entries(op.responses || {}).map(([code, r]) => [code, r.description || ""])));
  return box;
};

fetch(root.dataset.openapi).then((answer) => {
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}).then((spec) => {
  root.replaceChildren(element("h1", spec.info.title), element("p", spec.info.description, "lead"));
  const link = element("a", "OpenAPI document"); link.href = root.dataset.openapi;
  root.append(link);
  for (const [path, verbs] of Object.entries(spec.paths)) {
    for (const [verb, op] of Object.entries(verbs)) root.append(operation(verb, path, op));
  }
}).catch(() => root.replaceChildren(element("p", "The reference could not be loaded: this service does not answer just now. Try again in a moment.")));
