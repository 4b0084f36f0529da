// The heads of the columns, and the boxes around columns: shapes of SVG, because they change seldom.
//
// The law: a shape is made from places and plain values, and knows nothing of what else is in the page.

import { setText, shape } from "./elements.js";
import { HEAD, HEADS, HEAD_TOP } from "./geometry.js";

/** The top of a box around columns, with its title. A folded one has its title from top to bottom. */
export function boxTop(box) {
  const width = box.right - box.left;
  const frame = shape("path", {
    class: `box ${box.kind}`,
    d: `M${box.left} ${HEADS + 1}V15q0-9 9-9h${width - 18}q9 0 9 9V${HEADS + 1}`,
  });
  if (!box.folded) return [frame, textAt(box.left + 11, 24, box.title, "group")];
  return [frame, downwards((box.left + box.right) / 2, 14, cut(box.title.split(":")[0], 11), "group")];
}

/** A part of a box between two heights, which may be its end. */
export function boxSides(box, top, bottom, ends) {
  const width = box.right - box.left;
  const round = `V${bottom - 9}q0 9 9 9h${width - 18}q9 0 9-9V${top}`;
  const side = ends ? `M${box.left} ${top}${round}` : `M${box.left} ${top}V${bottom}M${box.right} ${top}V${bottom}`;
  const inside = ends ? `${side}z` : `M${box.left} ${top}h${width}V${bottom}h${-width}z`;
  return [shape("path", { class: `inside ${box.kind}`, d: inside }), shape("path", { class: "side", d: side })];
}

/** The head of a column, with the beginning of its lifeline. A folded one is named unless its box is folded, too. */
export function columnHead({ column, place, isNamed }) {
  if (place.folded) {
    const name = !isNamed ? [] : [downwards(place.x, HEAD_TOP, cut(column.title, 8), "sub")];
    return [lifeline(place, HEADS - 4, HEADS + 1), ...name];
  }
  const dotted = column.inferred ? " dotted" : "";
  const size = { x: place.x - place.half, y: HEAD_TOP, width: place.half * 2, height: HEAD, rx: 7 };
  return [
    lifeline(place, HEAD_TOP + HEAD, HEADS + 1),
    shape("rect", { class: `head${dotted}`, ...size }),
    textAt(place.x, HEAD_TOP + 18, column.title, "heading"),
    textAt(place.x, HEAD_TOP + 33, column.subtitle, "sub"),
  ];
}

/** Shows what is said of a column now, which changes with every client that comes. */
export function updateHead(head, { column, place }) {
  if (!place.folded) setText(head.lastChild, column.subtitle);
}

function lifeline(place, top, bottom) {
  return shape("path", { class: "life", d: `M${place.x} ${top}V${bottom}` });
}

/** A text from the top to the bottom. */
function downwards(x, y, text, kind) {
  return shape("text", { class: `${kind} down`, transform: `translate(${x - 4} ${y}) rotate(90)` }, text);
}

function textAt(x, y, text, kind) {
  return shape("text", { x, y, class: kind }, text);
}

/** A text of at most so many characters. */
export function cut(text, most) {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
