// The drawing: the heads of the columns, and the rows that are in view with a few more.
//
// Shapes are drawn in one SVG for the heads and one for the rows, which no screen reader sees; for these, for the
// pointer and for the keyboard each row is an item of a list, which lies below its shapes and has its words. Items are
// kept while they are in view, so that the focus stays where it is; the shapes are drawn again. Boxes and lifelines look
// the same from every row, so they are drawn when the columns or the height change, and not for each row that comes.
//
// The law: what is in the page depends on the window and not on how many rows there are.

import { SUPPRESS, element, setAttribute, shape } from "./elements.js";
import { HEADS, LINE, ROW } from "./geometry.js";
import { arrowMark, barShape, boxSides, boxTop, columnHead, lifeline, stepMark, textAt } from "./marks.js";
import { NOBODY } from "./scene.js";

const BEYOND = 48;
const DOTS = 6; // the length of a dot and its gap on a lifeline

/** Draws what `lab` has: its scene, sheet, geometry and spacing, zoomed, with its cursor and its hits. */
export class Drawing {
  constructor(lab) {
    this.lab = lab;
    this.items = new Map();
    this.heads = shape("svg", { class: "shapes", "aria-hidden": "true" });
    this.backdrop = shape("svg", { class: "shapes backdrop", "aria-hidden": "true" });
    this.lifelines = shape("g");
    this.marks = shape("g");
    this.shapes = shape("svg", { class: "shapes", "aria-hidden": "true" }, this.lifelines, this.marks);
    this.list = element("div", { class: "rows", role: "list", "aria-label": "What happened, row by row" });
    this.first = 0;
    this.last = -1;
    this.headsOf = null;
    this.headsZoom = 0;
    this.standing = {};
  }

  /** Draws the heads. */
  drawHeads() {
    const { scene, geometry, zoom } = this.lab;
    if (this.headsOf === geometry.places && this.headsZoom === zoom) return;
    [this.headsOf, this.headsZoom] = [geometry.places, zoom];
    const parts = geometry.boxes.map(boxTop);
    for (const column of scene.placed) {
      const place = geometry.places.get(column.number);
      const box = geometry.boxes.find((one) => place && one.left < place.x && place.x < one.right);
      if (place) parts.push(columnHead(column, place, box));
    }
    this.frame(this.heads, HEADS, zoom);
    this.heads.replaceChildren(...parts.flat());
  }

  /** Draws the rows at positions `first` to `last`; places are reckoned from the top of the first one. */
  drawRows(first, last) {
    const { spacing, zoom } = this.lab;
    [this.first, this.last] = [first, last];
    this.top = spacing.top(first);
    this.bottom = last < first ? this.top : spacing.top(last + 1);
    for (const svg of [this.backdrop, this.shapes]) this.frame(svg, this.bottom - this.top, zoom);
    this.drawStanding();
    setAttribute(this.lifelines, "stroke-dashoffset", this.top % DOTS); // their dots move with the rows
    setAttribute(this.marks, "transform", `translate(0 ${-this.top})`);
    this.marks.replaceChildren(...this.bars(), ...this.rowShapes(), ...this.foreground());
    this.drawItems();
  }

  /** Draws what looks the same from every row. */
  drawStanding() {
    const { geometry, sheet } = this.lab;
    const now = { places: geometry.places, height: this.bottom - this.top, ends: this.last >= sheet.count - 1 };
    if (Object.entries(now).every(([name, value]) => this.standing[name] === value)) return;
    this.standing = now;
    this.backdrop.replaceChildren(...geometry.boxes.flatMap((box) => boxSides(box, 0, now.height, now.ends)));
    this.lifelines.replaceChildren(...[...now.places.values()].map((place) => lifeline(place, 0, now.height)));
  }

  frame(svg, height, zoom) {
    const { width } = this.lab.geometry;
    setAttribute(svg, "viewBox", `0 0 ${width} ${Math.max(1, height)}`);
    setAttribute(svg, "width", width * zoom);
    setAttribute(svg, "height", Math.max(1, height) * zoom);
  }

  bars() {
    const { scene, sheet } = this.lab;
    if (this.last < this.first) return [];
    const bars = [...scene.bars(sheet.row(this.first), sheet.row(this.last))];
    return bars.map((bar) => this.bar(bar)).filter((part) => part !== null);
  }

  bar(bar) {
    const { sheet, geometry, spacing, scene } = this.lab;
    const place = geometry.places.get(bar.column);
    if (place === undefined) return null;
    const open = bar.last === NOBODY;
    const [from, to] = [sheet.position(bar.first), open ? sheet.count - 1 : this.lastShown(bar.last)];
    if (to < from || (to === from && !open && sheet.states.size > 0 && !scene.isTail(bar.first))) return null;
    const top = Math.max(spacing.top(from) + LINE - 3, this.top - BEYOND);
    const bottom = Math.min(open ? spacing.total : spacing.top(to) + LINE + 13, this.bottom + BEYOND);
    return barShape(bar, place, top, bottom);
  }

  lastShown(index) {
    const position = this.lab.sheet.position(index);
    return this.lab.sheet.has(index) ? position : position - 1;
  }

  rowShapes() {
    const parts = this.passing().map(({ index, arrow }) => this.arrow(index, arrow));
    for (let position = this.first; position <= this.last; position += 1) parts.push(this.rowShape(position));
    return parts.filter((part) => part !== null);
  }

  rowShape(position) {
    const { scene, sheet, spacing, geometry } = this.lab;
    const index = sheet.row(position);
    const { step, arrows } = scene.row(index);
    const y = spacing.top(position) + LINE;
    const short = arrows.filter((arrow) => arrow.targetRow === index || arrow.target === NOBODY);
    const parts = [...this.gap(position, y), ...short.map((arrow) => this.arrow(index, arrow))];
    if (step !== null) parts.push(stepMark(step, geometry, y, (number) => this.nameOf(number)));
    const tail = scene.isTail(index);
    if (tail && step === null && arrows.length === 0)
      parts.push(textAt(geometry.gutter, y + 4, this.wordsOf(index), "waiting halo"));
    parts.push(textAt(geometry.gutter - 14, y + 4, tail ? "now" : String(index + 1), tail ? "number now" : "number"));
    return shape("g", { class: this.kindOf(index, "of") }, parts);
  }

  passing() {
    const { scene, sheet } = this.lab;
    return this.last < this.first ? [] : scene.arrows(sheet.row(this.first), sheet.row(this.last));
  }

  arrow(index, arrow) {
    const { sheet, geometry, spacing, isLive } = this.lab;
    if (sheet.states.size > 0 && !sheet.keepsArrow(arrow)) return null;
    const to = arrow.target === NOBODY ? index : arrow.targetRow;
    const heights = [index, to].map((row) => spacing.top(sheet.position(row)) + LINE);
    return arrowMark(arrow, geometry, heights, { nameOf: (number) => this.nameOf(number), live: isLive });
  }

  gap(position, y) {
    const gap = this.lab.spacing.gap(position);
    if (gap === null) return [];
    const middle = y - LINE - gap.height / 2;
    const { gutter, width } = this.lab.geometry;
    const line = shape("path", { class: "gap", d: `M${gutter} ${middle}H${width}` });
    return [line, textAt(gutter - 6, middle + 4, gap.text, "time halo")];
  }

  /** What dims the rows after the cursor. */
  foreground() {
    const { cursor, sheet, spacing, geometry } = this.lab;
    if (cursor === null) return [];
    const from = Math.max(this.top, spacing.top(sheet.position(cursor)) + ROW);
    if (from >= this.bottom) return [];
    return [
      shape("rect", {
        class: "later",
        x: geometry.gutter - 10,
        y: from,
        width: geometry.width,
        height: this.bottom - from,
      }),
    ];
  }

  nameOf(number) {
    return this.lab.scene.columns.get(number)?.name ?? "";
  }

  drawItems() {
    const { sheet, cursor } = this.lab;
    const wanted = new Set();
    for (let position = this.first; position <= this.last; position += 1) wanted.add(sheet.row(position));
    const focused = this.focusedRow();
    if (focused !== null && sheet.has(focused)) wanted.add(focused);
    this.reuse(wanted);
    const entry = wanted.has(cursor) ? cursor : sheet.row(this.lab.viewport.firstInView());
    for (const index of wanted) this.drawItem(index, index === entry);
  }

  /** Gives the items of rows that are gone to rows that came, which costs less than to take them away and make others. */
  reuse(wanted) {
    const free = [...this.items].filter(([index]) => !wanted.has(index));
    for (const [index] of free) this.items.delete(index);
    const isWhole = this.items.size === 0; // otherwise the order of the items would be another one
    for (const index of isWhole ? wanted : []) {
      if (free.length === 0) break;
      const [, item] = free.shift();
      setAttribute(item, "data-row", index);
      this.items.set(index, item);
    }
    for (const [, item] of free) item.remove();
  }

  /** Gives the focus to a row, which is drawn when it is not in the page yet. */
  focus(index) {
    if (!this.lab.sheet.has(index)) return;
    const item = this.items.get(index) ?? this.makeItem(index);
    this.drawItem(index, true);
    item.focus({ preventScroll: true });
  }

  /** The row that has the focus, or null. */
  focusedRow() {
    const focused = this.list.getRootNode().activeElement;
    const found = [...this.items].find(([_index, item]) => item === focused);
    return found === undefined ? null : found[0];
  }

  drawItem(index, isEntry) {
    const { scene, sheet, spacing, zoom, cursor } = this.lab;
    const position = sheet.position(index);
    const item = this.items.get(index) ?? this.makeItem(index);
    const top = (spacing.top(position) - this.top) * zoom;
    item.style.transform = `translateY(${top}px)`;
    item.style.height = `${ROW * zoom}px`;
    setAttribute(item, "aria-label", `${scene.isTail(index) ? "now" : index + 1}. ${this.wordsOf(index)}`);
    setAttribute(item, "aria-setsize", sheet.count);
    setAttribute(item, "aria-posinset", position + 1);
    setAttribute(item, "aria-current", index === cursor && "step");
    setAttribute(item, "tabindex", isEntry ? 0 : -1);
    setAttribute(item, "class", this.kindOf(index));
  }

  wordsOf(index) {
    const { actor, words } = this.lab.scene.row(index);
    return `${actor}: ${words}`;
  }

  kindOf(index, kind = "row") {
    const { scene, cursor, search, parkedRows } = this.lab;
    const marks = [scene.isTail(index) && "tail", index === cursor && "current", search.isHit(index) && "hit"];
    return [kind, ...marks, parkedRows.has(index) && "parked"].filter(Boolean).join(" ");
  }

  makeItem(index) {
    const made = element("div", { role: "listitem", "data-row": index, ...SUPPRESS });
    const after = [...this.list.children].find((other) => Number(other.dataset.row) > index) ?? null;
    this.items.set(index, made);
    this.list.insertBefore(made, after);
    return made;
  }
}
