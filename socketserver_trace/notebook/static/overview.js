// What is told while no row is looked at: what the drawing is of, and what its signs mean.
//
// The law: every sign of the drawing that is not a word is explained here, by the sign itself.

import { element, shape } from "./elements.js";

const SIGNS = [
  ["server", "line", "a server's method"],
  ["handler", "line", "a handler's method"],
  ["bytes", "line", "bytes on their way"],
  ["connect", "line", "a connection begins"],
  ["start", "line dashed", "a thread or a process is started"],
  ["bytes", "line dotted", "inferred from what the server saw"],
  ["bad", "line", "an error"],
];

const OPENING = "Choose a row to read its story: what it is for, whose method runs, and why. Press ? for the keys.";
const LIVE = "Rows appear here as they happen. Choose one to read its story; press ? for the keys.";

/** The parts of the panel. */
export function overview(lab) {
  const { scene, port } = lab;
  const remarks = scene.remarks.map((remark) => element("li", {}, remark));
  return [
    element("p", { class: "over" }, "The drawing"),
    element("h2", { class: "title plain" }, scene.title || "Nothing has happened yet"),
    element("p", {}, port.isPlayer ? OPENING : LIVE),
    element("section", {}, element("h3", {}, "Signs"), element("ul", { class: "signs" }, SIGNS.map(sign), barSigns())),
    remarks.length > 0 &&
      element("section", {}, element("h3", {}, "To know"), element("ul", { class: "sentences" }, remarks)),
    port.note && element("p", { class: "hint" }, port.note),
  ].filter(Boolean);
}

function sign([kind, line, words]) {
  const drawn = [shape("path", { class: line, d: "M2 8H30" }), shape("path", { class: "point", d: "M38 8l-8 -4v8z" })];
  return signLine(kind, drawn, words);
}

function barSigns() {
  const whole = shape("rect", { class: "bar", x: 15, y: 2, width: 10, height: 12, rx: 2.5 });
  const open = shape("path", { class: "bar", d: "M15 15V2h10V15" });
  const end = shape("path", { class: "line open", d: "M12 15h16" });
  const own = shape("text", { class: "caption own", x: 4, y: 12 }, "yours");
  return [
    signLine("server", [whole], "a call, as long as it lasts"),
    signLine("server", [open, end], "a call that has not ended"),
    signLine("", [own], "your own override"),
  ];
}

function signLine(kind, drawn, words) {
  const picture = shape(
    "svg",
    { viewBox: "0 0 40 16", width: 40, height: 16, "aria-hidden": "true" },
    shape("g", { class: `mark ${kind}` }, drawn),
  );
  return element("li", {}, picture, words);
}
