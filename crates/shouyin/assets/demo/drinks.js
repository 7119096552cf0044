// Small drawings for the menu, so that the page needs no pictures from anywhere.

import { svg } from "./dom.js";

const LOOKS = {
  latte: { tint: "#f6ebdc", drink: "#c9905a", foam: "#f7ecdd", shape: "mug" },
  americano: { tint: "#efe6df", drink: "#4a2c1d", foam: "#7a5138", shape: "mug" },
  oat_flat_white: { tint: "#f4efd9", drink: "#b98a5e", foam: "#f3e7cf", shape: "mug" },
  oolong_milk_tea: { tint: "#f3e8dd", drink: "#c08a5c", foam: "#3a2a20", shape: "glass" },
  croissant: { tint: "#fbeecf", drink: "#d99a3d", foam: "#a86a1c", shape: "croissant" },
};
const PLAIN = { tint: "#e8efe9", drink: "#7d9a86", foam: "#dfe9e1", shape: "mug" };

/** The drawing for a menu item; `--tint` colours the tile it stands on. */
export function drawing(itemId) {
  const look = LOOKS[itemId] ?? PLAIN;
  const shapes = { mug, glass, croissant };
  return svg("svg", { viewBox: "0 0 52 52", class: "picture", "aria-hidden": "true", "--tint": look.tint }, shapes[look.shape](look));
}

// From above: saucer, cup, handle, coffee with a leaf of milk.
function mug({ drink, foam }) {
  return [
    svg("circle", { cx: 25, cy: 27, r: 18, fill: "#fff", opacity: 0.75 }),
    svg("rect", { x: 35, y: 23.5, width: 10, height: 6, rx: 3, fill: "#fff" }),
    svg("circle", { cx: 25, cy: 27, r: 13.5, fill: "#fff" }),
    svg("circle", { cx: 25, cy: 27, r: 11, fill: drink }),
    svg("path", { d: "M25 35c-5-3-6.5-7-5.5-10 2 0 3.5.6 4.3 1.8C24 24 24.3 21.5 25 19.5c.7 2 1 4.5 1.2 7.3.8-1.2 2.3-1.8 4.3-1.8 1 3-.5 7-5.5 10z", fill: foam }),
  ];
}

function glass({ drink, foam }) {
  const pearls = [
    [21, 38],
    [26, 39.5],
    [31, 38],
    [23.5, 34.5],
    [28.5, 34.5],
  ];
  return [
    svg("path", { d: "M28 18L31.5 6", stroke: "#05874a", "stroke-width": 2.6, "stroke-linecap": "round" }),
    svg("path", { d: "M16 17h20l-2.6 24.5a3 3 0 01-3 2.5h-8.8a3 3 0 01-3-2.5z", fill: drink }),
    svg("path", { d: "M16 17h20l-.9 8.5c-6 2.5-12-2.5-18.2.5z", fill: "#f3dfc6" }),
    svg("rect", { x: 14, y: 14.5, width: 24, height: 4, rx: 2, fill: "#fff" }),
    pearls.map(([cx, cy]) => svg("circle", { cx, cy, r: 2, fill: foam })),
  ];
}

function croissant({ drink, foam }) {
  const line = { fill: "none", stroke: foam, "stroke-width": 1.7, "stroke-linecap": "round" };
  return [
    svg("path", { d: "M9 35c-2-9 6-20 17-20s19 11 17 20c-.6 2.6-3.2 3-4.8 1.2C35 32.5 31 30 26 30s-9 2.5-12.2 6.2C12.2 38 9.6 37.6 9 35z", fill: drink }),
    ["M21.5 16l1.5 14M30.5 16L29 30M14 21l4 10.5M38 21l-4 10.5"].map((d) => svg("path", { d, ...line })),
  ];
}
