// The marks of a drawing: boxes, heads, bars, steps and arrows, as shapes.
//
// They are the same as those of the static drawing (paint/svg.py): every colour goes with a shape or a word. What is
// hidden has no place, and then a line ends at a name.
//
// The law: a mark is made from places and plain values, and knows nothing of what else is in the page.

import { setAttribute, shape } from "./elements.js";
import { BAR, CHARACTER, HEAD, HEADS, HEAD_TOP, LEFT, LOOP, SHIFT } from "./geometry.js";
import { NOBODY } from "./scene.js";

const SHORTEST = 36;

/** The top of a box around columns, with its title. A folded one has its title from top to bottom. */
export function boxTop(box) {
  const width = box.right - box.left;
  const frame = shape("path", {
    class: `box ${box.kind}`,
    d: `M${box.left} ${HEADS + 1}V15q0-9 9-9h${width - 18}q9 0 9 9V${HEADS + 1}`,
  });
  if (!box.folded) return [frame, textAt(box.left + 11, 24, box.title, "sans group")];
  return [frame, downwards((box.left + box.right) / 2, 14, cut(box.title.split(":")[0], 11), "sans group")];
}

/** A part of a box between two heights, which may be its end. */
export function boxSides(box, top, bottom, ends) {
  const width = box.right - box.left;
  const round = `V${bottom - 9}q0 9 9 9h${width - 18}q9 0 9-9V${top}`;
  const side = ends ? `M${box.left} ${top}${round}` : `M${box.left} ${top}V${bottom}M${box.right} ${top}V${bottom}`;
  const inside = ends ? `${side}z` : `M${box.left} ${top}h${width}V${bottom}h${-width}z`;
  return [shape("path", { class: `inside ${box.kind}`, d: inside }), shape("path", { class: "side", d: side })];
}

/** The head of a column, with the beginning of its lifeline. */
export function columnHead(column, place, box) {
  if (place.folded) {
    const name = box?.folded ? [] : [downwards(place.x, HEAD_TOP, cut(column.title, 8), "sans sub")];
    return [lifeline(place, HEADS - 4, HEADS + 1), ...name];
  }
  const dotted = column.inferred ? " dotted" : "";
  const size = { x: place.x - place.half, y: HEAD_TOP, width: place.half * 2, height: HEAD, rx: 7 };
  return [
    lifeline(place, HEAD_TOP + HEAD, HEADS + 1),
    shape("rect", { class: `head${dotted}`, ...size }),
    textAt(place.x, HEAD_TOP + 18, column.title, "sans heading"),
    textAt(place.x, HEAD_TOP + 33, column.subtitle, "sans sub"),
  ];
}

/** A lifeline between two heights. */
export function lifeline(place, top, bottom) {
  return shape("path", { class: "life", d: `M${place.x} ${top}V${bottom}` });
}

/** The bar of a call between two heights; an open one has not ended, and has no lower edge. */
export function barShape(bar, place, top, bottom) {
  const x = place.x - BAR / 2 + bar.depth * SHIFT;
  const kind = `mark ${bar.failed ? "bad" : bar.kind}`;
  if (bar.last !== NOBODY) {
    return shape("rect", { class: `${kind} bar`, x, y: top, width: BAR, height: Math.max(2, bottom - top), rx: 2.5 });
  }
  const sides = shape("path", { class: "bar", d: `M${x} ${bottom}V${top}h${BAR}V${bottom}` });
  return shape("g", { class: kind }, sides, shape("path", { class: "line open", d: `M${x - 3} ${bottom}h${BAR + 6}` }));
}

/** One call, with its label and its caption. */
export function stepMark(step, geometry, y, nameOf) {
  const place = geometry.places.get(step.column);
  const mark = shape("g", { class: `mark ${step.failed ? "bad" : step.kind}` });
  const comes = step.origin !== NOBODY;
  if (place === undefined) return comes ? lineToName(step, geometry, y, nameOf(step.column)) : mark;
  const own = place.x + BAR / 2 + step.depth * SHIFT;
  if (comes) mark.append(comingLine(step, geometry, y, nameOf));
  else mark.append(...loopLine(geometry.edge(step.column, step.depth), own, y));
  if (!place.folded) mark.append(...stepTexts(step, own + (comes ? 8 : LOOP + 6), y));
  return mark;
}

function stepTexts(step, x, y) {
  const own = step.own && !step.failed ? " own" : "";
  return [textAt(x, y, step.label, "label"), textAt(x, y + 13, step.caption, `caption${own}`)];
}

function loopLine(x, own, y) {
  const line = `M${x} ${y - 8}h${own + LOOP - 5 - x}q5 0 5 5q0 5 -5 5h-5`;
  return [shape("path", { class: "line", d: line }), arrowHead(own, y + 2, -1)];
}

function comingLine(step, geometry, y, nameOf) {
  const end = geometry.x(step.column) - BAR / 2 + step.depth * SHIFT;
  const made = shape("g", { class: `mark ${step.starts ? "start" : step.failed ? "bad" : step.kind}` });
  const origin = geometry.edge(step.origin, step.originDepth);
  if (geometry.x(step.origin) === undefined) return fromName(made, end, y, nameOf(step.origin), step.starts);
  made.append(shape("path", { class: step.starts ? "line dashed" : "line", d: `M${origin} ${y}H${end - 6}` }));
  made.append(arrowHead(end, y, 1));
  if (step.starts) made.append(textAt(origin + 10, y - 5, "start", "label halo"));
  return made;
}

/** Something that goes to a column that is hidden. */
function lineToName(step, geometry, y, name) {
  const kind = step.starts ? "start" : step.kind;
  const label = step.starts ? "start" : step.label;
  return leaving(geometry.edge(step.origin, step.originDepth), y, { kind, label, away: name, dashed: step.starts });
}

function fromName(made, end, y, name, dashed) {
  made.append(shape("path", { class: dashed ? "line dashed" : "line", d: `M${end - SHORTEST} ${y}H${end - 6}` }));
  made.append(arrowHead(end, y, 1), textAt(end - SHORTEST - 6, y + 4, name, "caption before halo"));
  return made;
}

/** What goes from one lifeline to another, on one row or over several. `heights` are those of its two rows. */
export function arrowMark(arrow, geometry, heights, { nameOf, live }) {
  const [top, bottom] = heights;
  const start = geometry.x(arrow.column);
  const end = geometry.x(arrow.target);
  if (arrow.target === NOBODY) return nobodyMark(arrow, geometry, top, live);
  if (end === undefined) {
    const away = nameOf(arrow.target);
    return leaving(geometry.edge(arrow.column, arrow.depth), top, { ...arrow, away, dotted: arrow.inferred });
  }
  const way = (start ?? -Infinity) <= end ? 1 : -1;
  const made = shape("g", { class: `mark ${arrow.kind}` });
  if (start === undefined)
    return fromName(made, geometry.edge(arrow.target, arrow.targetDepth, -1), bottom, nameOf(arrow.column), false);
  const from = [geometry.edge(arrow.column, arrow.depth, way), top];
  const to = [geometry.edge(arrow.target, arrow.targetDepth, -way), bottom];
  made.append(shape("path", { class: lineClass(arrow), d: wayOf(from, to, way) }), arrowHead(to[0], bottom, way));
  const [x, y] = way === 1 ? from : to;
  const bothFolded = geometry.places.get(arrow.column).folded && geometry.places.get(arrow.target).folded;
  if (arrow.label && !bothFolded) made.append(textAt(x + 10, y - 6, arrow.label, "label halo"));
  return made;
}

function lineClass(arrow) {
  return arrow.inferred ? "line dotted" : arrow.kind === "join" ? "line dashed" : "line";
}

/** What left for somebody outside, or that nobody took: it ends in a cross, and while things go on in an open dot. */
function nobodyMark(arrow, geometry, y, live) {
  const x = geometry.edge(arrow.column, arrow.depth);
  const { away } = arrow;
  if (away) return leaving(x, y, { ...arrow, dotted: arrow.inferred });
  const end = x + Math.max(SHORTEST, arrow.label.length * CHARACTER + 24);
  const line = shape("path", { class: lineClass(arrow), d: `M${x} ${y}H${end - (live ? 9 : 6)}` });
  const cross = shape("path", { class: "line", d: `M${end - 11} ${y - 5}l10 10m0 -10l-10 10` });
  const dot = shape("circle", { class: "line", cx: end - 5, cy: y, r: 4 });
  return shape(
    "g",
    { class: `mark ${arrow.kind}` },
    line,
    live ? dot : cross,
    textAt(x + 10, y - 6, arrow.label, "label halo"),
  );
}

function leaving(x, y, { kind, label, away, dashed = false, dotted = false }) {
  const end = x + Math.max(SHORTEST, label.length * CHARACTER + 24);
  const line = shape("path", {
    class: `line${dashed ? " dashed" : ""}${dotted ? " dotted" : ""}`,
    d: `M${x} ${y}H${end - 6}`,
  });
  const texts = [textAt(x + 10, y - 6, label, "label halo"), textAt(end + 6, y + 4, away, "caption halo")];
  return shape("g", { class: `mark ${kind}` }, line, arrowHead(end, y, 1), texts);
}

/** The line of an arrow. What waits before it is taken goes down to the left of a lifeline, where no text stands. */
function wayOf([x, y], [endX, endY], way) {
  if (y === endY) return `M${x} ${y}H${endX - 6 * way}`;
  const down = (way === 1 ? endX : x) - LEFT;
  const turn = endY > y ? 5 : -5;
  const leaves = `M${x} ${y}H${down - 5 * way}Q${down} ${y} ${down} ${y + turn}`;
  return `${leaves}V${endY - turn}Q${down} ${endY} ${down + 5 * way} ${endY}H${endX - 6 * way}`;
}

function arrowHead(x, y, way) {
  return shape("path", { class: "point", d: `M${x} ${y}l${-8 * way} -4v8z` });
}

/** A text from the top to the bottom. */
function downwards(x, y, text, kind) {
  return shape("text", { class: `${kind} down`, transform: `translate(${x - 4} ${y}) rotate(90)` }, text);
}

/** A text at a place. */
export function textAt(x, y, text, kind) {
  const made = shape("text", { x, y }, text);
  setAttribute(made, "class", kind);
  return made;
}

/** A text of at most so many characters. */
export function cut(text, most) {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
