// The marks of the rows: bars, steps and arrows, drawn with a pen.
//
// They are the same as those of the static drawing (paint/svg.py): every colour goes with a shape or a word. What is
// hidden has no place, and then a line ends at a name.
//
// The law: a mark is drawn from places and plain values, and knows nothing of what else is in the page. `here` says what
// all marks of a row share: {pen, geometry, nameOf, live, halo}.

import { BAR, CHARACTER, LEFT, LOOP, SHIFT } from "./geometry.js";
import { NOBODY } from "./scene.js";

const SHORTEST = 36;
const COLOURED = ["server", "handler", "bytes", "bad"];
const CONNECTING = ["connect", "start", "join", "end"];

function colourOf(kind) {
  if (CONNECTING.includes(kind)) return "connect";
  return COLOURED.includes(kind) ? kind : "ink";
}

/** A lifeline that goes down so far; its dots begin at `shift`, so that they move with the rows. */
export function drawLifeline(pen, place, height, shift) {
  pen.line(`M${place.x} 0V${height}`, "rule", { kind: "life", width: 1.5, shift });
}

/** The bar of a call between two heights; an open one has not ended, and has no lower edge. */
export function drawBar(pen, bar, place, top, bottom) {
  const x = place.x - BAR / 2 + bar.depth * SHIFT;
  const kind = bar.failed ? "bad" : bar.kind;
  const ground = kind === "bad" || kind === "handler" ? `${kind}-bar` : "server-bar";
  const open = bar.last === NOBODY;
  const height = Math.max(2, bottom - top);
  const path = open ? `M${x} ${bottom}V${top}h${BAR}V${bottom}` : rounded(x, top, BAR, height, Math.min(2.5, height / 2));
  pen.fill(path, ground);
  pen.line(path, colourOf(kind), { width: 1 });
  if (open) pen.line(`M${x - 3} ${bottom}h${BAR + 6}`, colourOf(kind), { kind: "open" });
}

function rounded(x, y, width, height, r) {
  const [across, down] = [width - 2 * r, height - 2 * r];
  return (
    `M${x + r} ${y}h${across}q${r} 0 ${r} ${r}v${down}q0 ${r} ${-r} ${r}` +
    `h${-across}q${-r} 0 ${-r} ${-r}v${-down}q0 ${-r} ${r} ${-r}z`
  );
}

/** One call, with its label and its caption. */
export function drawStep(here, step) {
  const { pen, geometry, nameOf } = here;
  const place = geometry.places.get(step.column);
  const colour = step.failed ? "bad" : colourOf(step.kind);
  const comes = step.origin !== NOBODY;
  if (place === undefined) {
    if (comes) drawLineToName(here, step, nameOf(step.column));
    return;
  }
  const own = place.x + BAR / 2 + step.depth * SHIFT;
  if (comes) drawComingLine(here, step, step.starts ? "connect" : colour);
  else drawLoop(pen, geometry.edge(step.column, step.depth), own, colour);
  if (place.folded) return;
  const x = own + (comes ? 8 : LOOP + 6);
  const captionColour = step.own && !step.failed ? "own" : "soft";
  pen.text(x, 0, step.label, { font: "label", colour, italic: here.italic });
  pen.text(x, 13, step.caption, { colour: captionColour, italic: here.italic });
}

function drawLoop(pen, x, own, colour) {
  pen.line(`M${x} -8h${own + LOOP - 5 - x}q5 0 5 5q0 5 -5 5h-5`, colour);
  drawHead(pen, own, 2, -1, colour);
}

function drawComingLine(here, step, colour) {
  const { pen, geometry, nameOf } = here;
  const end = geometry.x(step.column) - BAR / 2 + step.depth * SHIFT;
  const origin = geometry.edge(step.origin, step.originDepth);
  const kind = step.starts ? "dashed" : "";
  if (geometry.x(step.origin) === undefined) {
    drawFromName(here, end, 0, { name: nameOf(step.origin), kind, colour });
    return;
  }
  pen.line(`M${origin} 0H${end - 6}`, colour, { kind });
  drawHead(pen, end, 0, 1, colour);
  if (step.starts) pen.text(origin + 10, -5, "start", { font: "label", colour, halo: here.halo });
}

/** Something that goes to a column that is hidden. */
function drawLineToName(here, step, away) {
  const label = step.starts ? "start" : step.label;
  const colour = step.starts ? "connect" : colourOf(step.kind);
  const x = here.geometry.edge(step.origin, step.originDepth);
  drawLeaving(here, x, { label, away, colour, kind: step.starts ? "dashed" : "" });
}

function drawFromName(here, end, y, { name, kind, colour }) {
  here.pen.line(`M${end - SHORTEST} ${y}H${end - 6}`, colour, { kind });
  drawHead(here.pen, end, y, 1, colour);
  here.pen.text(end - SHORTEST - 6, y + 4, name, { halo: here.halo, align: "end" });
}

/** What goes from one lifeline to another, on one row or `down` to a later one. */
export function drawArrow(here, arrow, down) {
  const { pen, geometry, nameOf } = here;
  const colour = colourOf(arrow.kind);
  const kind = arrow.inferred ? "dotted" : arrow.kind === "join" ? "dashed" : "";
  const [start, end] = [geometry.x(arrow.column), geometry.x(arrow.target)];
  if (arrow.target === NOBODY) {
    drawNobody(here, arrow, colour, kind);
    return;
  }
  if (end === undefined) {
    const x = geometry.edge(arrow.column, arrow.depth);
    const left = arrow.inferred ? kind : "";
    drawLeaving(here, x, { label: arrow.label, away: nameOf(arrow.target), colour, kind: left });
    return;
  }
  const way = (start ?? -Infinity) <= end ? 1 : -1;
  const to = [geometry.edge(arrow.target, arrow.targetDepth, -way), down];
  if (start === undefined) {
    drawFromName(here, to[0], down, { name: nameOf(arrow.column), kind: "", colour });
    return;
  }
  const from = [geometry.edge(arrow.column, arrow.depth, way), 0];
  pen.line(wayOf(from, to, way), colour, { kind });
  drawHead(pen, to[0], down, way, colour);
  const [x, y] = way === 1 ? from : to;
  const bothFolded = geometry.places.get(arrow.column).folded && geometry.places.get(arrow.target).folded;
  if (arrow.label && !bothFolded) pen.text(x + 10, y - 6, arrow.label, { font: "label", colour, halo: here.halo });
}

/** What left for somebody outside, or that nobody took: it ends in a cross, and while things go on in an open dot. */
function drawNobody(here, arrow, colour, kind) {
  const { pen, geometry, live } = here;
  const x = geometry.edge(arrow.column, arrow.depth);
  if (arrow.away) {
    drawLeaving(here, x, { label: arrow.label, away: arrow.away, colour, kind: arrow.inferred ? "dotted" : "" });
    return;
  }
  const end = x + Math.max(SHORTEST, arrow.label.length * CHARACTER + 24);
  pen.line(`M${x} 0H${end - (live ? 9 : 6)}`, colour, { kind });
  pen.line(live ? `M${end - 9} 0a4 4 0 1 1 8 0a4 4 0 1 1 -8 0` : `M${end - 11} -5l10 10m0 -10l-10 10`, colour);
  pen.text(x + 10, -6, arrow.label, { font: "label", colour, halo: here.halo });
}

function drawLeaving(here, x, { label, away, colour, kind }) {
  const end = x + Math.max(SHORTEST, label.length * CHARACTER + 24);
  here.pen.line(`M${x} 0H${end - 6}`, colour, { kind });
  drawHead(here.pen, end, 0, 1, colour);
  here.pen.text(x + 10, -6, label, { font: "label", colour, halo: here.halo });
  here.pen.text(end + 6, 4, away, { halo: here.halo });
}

/** The line of an arrow. What waits before it is taken goes down to the left of a lifeline, where no text stands. */
function wayOf([x, y], [endX, endY], way) {
  if (y === endY) return `M${x} ${y}H${endX - 6 * way}`;
  const down = (way === 1 ? endX : x) - LEFT;
  const turn = endY > y ? 5 : -5;
  const leaves = `M${x} ${y}H${down - 5 * way}Q${down} ${y} ${down} ${y + turn}`;
  return `${leaves}V${endY - turn}Q${down} ${endY} ${down + 5 * way} ${endY}H${endX - 6 * way}`;
}

function drawHead(pen, x, y, way, colour) {
  pen.fill(`M${x} ${y}l${-8 * way} -4v8z`, colour);
}
