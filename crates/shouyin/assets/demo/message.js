// One HTTP request or answer, readable or exact, and the curl command that repeats it.

import { byteLength, h } from "./dom.js";
import { term } from "./glossary.js";
import { t } from "./language.js";

/** A section with the first line, headers and body of a request. */
export function requestSection(request, { curl }) {
  return h(
    "section",
    { class: "message" },
    h("h4", {}, t("entry.request"), curl && copyButton(curl)),
    h("p", { class: "first-line" }, h("b", {}, request.method), " ", request.target),
    headerTable(request.headers ?? []),
    bodyBlock(request.body ?? ""),
  );
}

export function responseSection(response) {
  const good = response.status < 400;
  return h(
    "section",
    { class: "message" },
    h("h4", {}, t("entry.response")),
    h("p", { class: "first-line" }, h("b", { class: good ? "good" : "bad" }, String(response.status)), statusWord(response.status)),
    headerTable(response.headers ?? []),
    bodyBlock(response.body ?? ""),
  );
}

/** Text that is JSON shown readably, with a switch to its exact bytes. */
export function bodyBlock(body) {
  if (body === "") return h("p", { class: "empty-body" }, t("entry.body.empty"));
  const pretty = prettyJson(body);
  const code = h("pre", { class: "bytes", tabindex: "0" }, pretty ?? body);
  const size = h("span", { class: "size" }, t("entry.bytes", { count: byteLength(body) }));
  if (pretty === null) return h("div", { class: "body" }, h("div", { class: "body-bar" }, size), code);

  const buttons = [
    ["entry.pretty", pretty],
    ["entry.raw", body],
  ].map(([key, shown], index) =>
    h("button", { type: "button", "aria-pressed": String(index === 0), onclick: (event) => choose(event.currentTarget, shown) }, t(key)),
  );
  const choose = (chosen, shown) => {
    code.textContent = shown;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
  };
  return h("div", { class: "body" }, h("div", { class: "body-bar" }, h("span", { class: "toggle" }, buttons), size), code);
}

// Indents without parsing numbers into JavaScript: what stands in the message must stand on the page,
// also an amount or id above 2^53.
function prettyJson(body) {
  try {
    JSON.parse(body);
  } catch {
    return null;
  }
  let depth = 0;
  let out = "";
  const newline = () => `\n${"  ".repeat(depth)}`;
  for (const [token] of body.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    if (token === "{" || token === "[") {
      depth += 1;
      out += token + newline();
    } else if (token === "}" || token === "]") {
      depth -= 1;
      out = /[{[]\s*$/.test(out) ? out.trimEnd() + token : out + newline() + token;
    } else if (token === ",") out += token + newline();
    else out += token === ":" ? ": " : token;
  }
  return out;
}

function headerTable(headers) {
  if (headers.length === 0) return null;
  return h(
    "dl",
    { class: "headers" },
    headers.map(([name, value]) => [h("dt", {}, term(name.toLowerCase(), name)), h("dd", {}, value)]),
  );
}

function statusWord(status) {
  const words = { 200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden" };
  Object.assign(words, { 404: "Not Found", 409: "Conflict", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable" });
  return words[status] ? ` ${words[status]}` : "";
}

/** The command that sends the same request again, quoted for a POSIX shell. */
export function curlCommand(request, origin) {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = [`curl -i -X ${request.method} ${quote(origin + request.target)}`];
  for (const [name, value] of request.headers ?? []) {
    if (!/^(host|content-length|connection|accept-encoding)$/i.test(name)) parts.push(`-H ${quote(`${name}: ${value}`)}`);
  }
  if (request.body) parts.push(`--data-raw ${quote(request.body)}`);
  return parts.join(" \\\n  ");
}

function copyButton(command) {
  const button = h("button", { type: "button", class: "copy" }, t("entry.curl"));
  button.addEventListener("click", async () => {
    let said = "entry.copied";
    try {
      await navigator.clipboard.writeText(command);
    } catch {
      // The browser may forbid it (no permission, or a page that is not secure); the button says so.
      said = "entry.copy_failed";
    }
    button.textContent = t(said);
    setTimeout(() => (button.textContent = t("entry.curl")), 1600);
  });
  return button;
}
