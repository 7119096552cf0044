// Small helpers to build the page from data. Everything shown arrives as text nodes:
// messages on the timeline carry bytes from the network, and none of them may become markup.

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/**
 * Makes an element: `h("button", { class: "primary", onclick }, "Pay")`.
 * Attributes that are `null`, `undefined` or `false` are left out; `on...` become listeners.
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG elements. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG_NAMESPACE, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    // Custom properties go through the style object, so that a strict content policy holds.
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Draws a 24x24 line icon from path data. Decoration only: hidden from assistive technology. */
export function icon(...paths) {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" },
    paths.map((d) => svg("path", { d })),
  );
}

/** Fen (integer) as yuan text, without floating point: 1990 -> "19.90". */
export function yuan(amountFen) {
  const digits = String(Math.abs(amountFen)).padStart(3, "0");
  return `${amountFen < 0 ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** The number of bytes `text` has on the wire (UTF-8). */
export function byteLength(text) {
  return new TextEncoder().encode(text).length;
}

export const prefersReducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
