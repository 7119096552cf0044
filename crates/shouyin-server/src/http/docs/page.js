"use strict";
// Shows /openapi.json. Text only ever enters the page as text.

/** A list of values longer than this is described elsewhere. */
const FEW_VALUES = 6;
const METHODS = ["get", "post", "put", "patch", "delete"];

function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// `code` in descriptions becomes code; everything else stays text.
function prose(text) {
  return (text || "").split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));
}

function nameOf(reference) {
  return reference.split("/").pop();
}

function typeOf(schema) {
  if (!schema) return [""];
  if (schema.$ref) return [h("a", { href: "#schema-" + nameOf(schema.$ref) }, nameOf(schema.$ref))];
  const several = schema.oneOf || schema.anyOf;
  if (several) return several.filter((one) => one.type !== "null").flatMap((one, index) => (index ? [" | ", ...typeOf(one)] : typeOf(one)));
  if (schema.type === "array" || (schema.type || []).includes?.("array")) return ["list of ", ...typeOf(schema.items)];
  const type = [].concat(schema.type || "object").filter((one) => one !== "null").join(" | ");
  const few = schema.enum && schema.enum.length <= FEW_VALUES;
  return [few ? schema.enum.map((one) => JSON.stringify(one)).join(" | ") : type];
}

function limits(schema) {
  const said = [];
  if (schema.minimum !== undefined) said.push("from " + schema.minimum);
  if (schema.maximum !== undefined) said.push("to " + schema.maximum);
  return said.join(" ");
}

function memberTable(schema) {
  const required = new Set(schema.required || []);
  const rows = Object.entries(schema.properties || {}).map(([name, member]) =>
    h("tr", {},
      h("td", {}, h("code", {}, name), " ", required.has(name) ? h("span", { class: "must" }, "required") : null),
      h("td", { class: "type" }, typeOf(member), " ", limits(member)),
      h("td", {}, prose(member.description))));
  return h("table", {}, h("tbody", {}, rows));
}

function example(schemas, schema, depth) {
  if (!schema || depth > 4) return null;
  if (schema.example !== undefined) return schema.example;
  if (schema.$ref) return example(schemas, schemas[nameOf(schema.$ref)], depth + 1);
  const several = schema.oneOf || schema.anyOf || schema.allOf;
  if (several) return example(schemas, several.find((one) => one.type !== "null"), depth + 1);
  if (schema.enum) return schema.enum[0];
  const type = [].concat(schema.type || "object").find((one) => one !== "null");
  if (type === "array") return [example(schemas, schema.items, depth + 1)];
  if (type === "integer" || type === "number") return schema.minimum || 1;
  if (type === "boolean") return false;
  if (type === "string") return "…";
  const members = Object.entries(schema.properties || {});
  return Object.fromEntries(members.map(([name, member]) => [name, example(schemas, member, depth + 1)]));
}

function jsonOf(content) {
  return content && content["application/json"] && content["application/json"].schema;
}

function parameters(operation) {
  if (!operation.parameters || !operation.parameters.length) return [];
  const rows = operation.parameters.map((one) =>
    h("tr", {},
      h("td", {}, h("code", {}, one.name), " ", one.required ? h("span", { class: "must" }, "required") : null),
      h("td", { class: "type" }, one.in),
      h("td", {}, prose(one.description))));
  return [h("h4", {}, "Parameters"), h("table", {}, h("tbody", {}, rows))];
}

function body(schemas, operation) {
  const schema = jsonOf(operation.requestBody && operation.requestBody.content);
  if (!schema || !schema.$ref) return [];
  const whole = schemas[nameOf(schema.$ref)];
  return [h("h4", {}, "Body"), memberTable(whole), h("h4", {}, "Example"), h("pre", {}, JSON.stringify(example(schemas, schema, 0), null, 2))];
}

function answers(operation) {
  const rows = Object.entries(operation.responses || {}).map(([status, answer]) => {
    const content = answer.content ? Object.values(answer.content)[0] : null;
    return h("tr", {}, h("td", {}, status), h("td", { class: "type" }, content ? typeOf(content.schema) : ""), h("td", {}, prose(answer.description)));
  });
  return [h("h4", {}, "Answers"), h("table", {}, h("tbody", {}, rows))];
}

function needs(operation) {
  const names = (operation.security || []).flatMap((one) => Object.keys(one));
  const words = { api_key: "API key", session: "session token" };
  return names.length ? h("span", { class: "needs" }, "needs " + names.map((name) => words[name] || name).join(", ")) : null;
}

function article(schemas, path, method, operation) {
  return h("article", { id: operation.operationId },
    h("header", {}, h("span", { class: "method " + method }, method.toUpperCase()), h("span", { class: "path" }, path), needs(operation)),
    h("div", {},
      h("h3", {}, prose(operation.summary)),
      h("p", {}, prose(operation.description)),
      parameters(operation), body(schemas, operation), answers(operation)));
}

function show(api) {
  const schemas = api.components.schemas;
  document.getElementById("about").append(...prose(api.info.description));
  const contents = document.getElementById("contents");
  const target = document.getElementById("operations");
  for (const tag of api.tags) {
    const found = Object.entries(api.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => item[method] && (item[method].tags || []).includes(tag.name)).map((method) => [path, method, item[method]]));
    if (!found.length) continue;
    target.append(h("section", {}, h("h2", {}, tag.name), h("p", { class: "tag" }, prose(tag.description)),
      found.map(([path, method, operation]) => article(schemas, path, method, operation))));
    contents.append(h("h2", {}, tag.name), h("ul", {}, found.map(([, , operation]) =>
      h("li", {}, h("a", { href: "#" + operation.operationId }, prose((operation.summary || operation.operationId).replace(/\.$/, "")))))));
  }
  contents.append(h("h2", {}, "reference"), h("ul", {}, h("li", {}, h("a", { href: "#problems" }, "Problems")), h("li", {}, h("a", { href: "#schemas" }, "Types"))));
  document.getElementById("schemas").append(h("h2", {}, "Types"), ...Object.entries(schemas).map(([name, schema]) =>
    h("div", { class: "schema", id: "schema-" + name }, h("h3", {}, name), h("p", {}, prose(schema.description)),
      (schema.oneOf || [schema]).map((one) => (one.properties ? memberTable(one) : h("p", { class: "type" }, typeOf(one)))))));
  // The place in the address did not exist yet when the browser looked for it.
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

fetch("/openapi.json")
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error("HTTP " + answer.status))))
  .then(show)
  .catch((error) => document.getElementById("operations").append("openapi.json could not be shown: " + error.message));
