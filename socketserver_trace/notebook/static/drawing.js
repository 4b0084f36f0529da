// The drawing: the heads of the columns, and the rows that are in view with a few more.
//
// Heads and boxes are SVG, the rows are painted on a canvas (pen.js), and no screen reader sees either; for these, for
// the pointer and for the keyboard each row is an item of a list, which lies below its marks and has its words. Items
// are kept while they are in view, so that the focus stays where it is. Places on the canvas are reckoned from the top of
// the first row that is drawn.
//
// The law: what is in the page depends on the window and not on how many rows there are.

import { SUPPRESS, element, setAttribute, shape, showEach } from "./elements.js";
import { HEADS, LINE, ROW } from "./geometry.js";
import { boxSides, boxTop, columnHead, updateHead } from "./heads.js";
import { drawArrow, drawBar, drawLifeline, drawStep } from "./marks.js";
import { Pen } from "./pen.js";
import { NOBODY } from "./scene.js";

const BEYOND = 48;

/** Draws what `lab` has: its scene, sheet, geometry and spacing, zoomed, with its cursor and its hits. */
export class Drawing {
  constructor(lab) {
    this.lab = lab;
    this.items = new Map();
    const [boxes, heads] = [shape("g"), shape("g")];
    this.tops = { boxes, heads };
    this.heads = shape("svg", { class: "shapes", "aria-hidden": "true" }, boxes, heads);
    this.backdrop = shape("svg", { class: "shapes backdrop", "aria-hidden": "true" });
    this.canvas = element("canvas", { class: "marks", "aria-hidden": "true" });
    this.pen = new Pen(this.canvas);
    this.later = element("div", { class: "later", hidden: true });
    this.list = element("div", { class: "rows", role: "list", "aria-label": "What happened, row by row" });
    this.first = 0;
    this.last = -1;
    [this.left, this.right] = [0, 0];
    this.headed = {};
    this.standing = {};
  }

  /** Draws the heads. */
  drawHeads() {
    const { scene, geometry, zoom } = this.lab;
    const now = { placed: scene.placed, places: geometry.places, zoom };
    if (isSame(this.headed, now)) return;
    this.headed = now;
    this.frame(this.heads, HEADS, zoom);
    const placed = scene.placed.filter((column) => geometry.places.has(column.number));
    showEach(this.tops.boxes, geometry.boxes, { keyOf: JSON.stringify, make: (box) => shape("g", {}, boxTop(box)) });
    const heads = placed.map((column) => this.headOf(column));
    showEach(this.tops.heads, heads, {
      keyOf: ({ column, ...rest }) => JSON.stringify([{ ...column, subtitle: null }, rest]),
      make: (head) => shape("g", {}, columnHead(head)),
      update: updateHead,
    });
  }

  /** All that a head depends on: a box that is folded says for its columns what they are. */
  headOf(column) {
    const { places, boxes } = this.lab.geometry;
    const place = places.get(column.number);
    const box = boxes.find((one) => one.left < place.x && place.x < one.right);
    return { column, place, isNamed: !box?.folded };
  }

  /** Draws the rows at positions `first` to `last`, between two places from left to right. */
  drawRows([first, last], [left, right]) {
    const { spacing, zoom } = this.lab;
    [this.first, this.last, this.left, this.right] = [first, last, left, right];
    this.top = spacing.top(first);
    this.bottom = last < first ? this.top : spacing.top(last + 1);
    this.drawStanding();
    this.canvas.style.left = `${left * zoom}px`;
    this.paint();
    this.drawLater();
    this.drawItems();
  }

  /** Draws what looks the same from every row. */
  drawStanding() {
    const { geometry, sheet, zoom } = this.lab;
    const height = this.bottom - this.top;
    const now = { places: geometry.places, height, ends: this.last >= sheet.count - 1, zoom };
    if (isSame(this.standing, now)) return;
    this.standing = now;
    this.frame(this.backdrop, height, zoom);
    this.backdrop.replaceChildren(...geometry.boxes.flatMap((box) => boxSides(box, 0, height, now.ends)));
  }

  frame(svg, height, zoom) {
    const { width } = this.lab.geometry;
    setAttribute(svg, "viewBox", `0 0 ${width} ${Math.max(1, height)}`);
    setAttribute(svg, "width", width * zoom);
    setAttribute(svg, "height", Math.max(1, height) * zoom);
  }

  paint() {
    const { geometry, zoom } = this.lab;
    const [width, height] = [this.right - this.left, this.bottom - this.top];
    this.pen.begin(this.left, width, height, zoom);
    for (const place of geometry.places.values()) {
      if (this.left <= place.x && place.x <= this.right) drawLifeline(this.pen, place, height, this.top);
    }
    if (this.last < this.first) return;
    this.paintBars();
    for (const { index, arrow } of this.passing()) this.paintLongArrow(index, arrow);
    for (let position = this.first; position <= this.last; position += 1) this.paintRow(position);
    this.pen.end();
  }

  paintBars() {
    const { scene, sheet } = this.lab;
    this.pen.at(0);
    for (const bar of scene.bars(sheet.row(this.first), sheet.row(this.last))) this.paintBar(bar);
  }

  paintBar(bar) {
    const { sheet, geometry, spacing, scene } = this.lab;
    const place = geometry.places.get(bar.column);
    if (place === undefined) return;
    const open = bar.last === NOBODY;
    const [from, to] = [sheet.position(bar.first), open ? sheet.count - 1 : this.lastShown(bar.last)];
    if (to < from || (to === from && !open && sheet.states.size > 0 && !scene.isTail(bar.first))) return;
    const top = Math.max(spacing.top(from) + LINE - 3, this.top - BEYOND);
    const bottom = Math.min(open ? spacing.total : spacing.top(to) + LINE + 13, this.bottom + BEYOND);
    drawBar(this.pen, bar, place, top - this.top, bottom - this.top);
  }

  lastShown(index) {
    const position = this.lab.sheet.position(index);
    return this.lab.sheet.has(index) ? position : position - 1;
  }

  /** The arrows over several rows of which a part is drawn. */
  passing() {
    const { scene, sheet } = this.lab;
    const arrows = scene.arrows(sheet.row(this.first), sheet.row(this.last));
    return sheet.states.size === 0 ? arrows : arrows.filter(({ arrow }) => sheet.keepsArrow(arrow));
  }

  paintLongArrow(index, arrow) {
    const { sheet, spacing } = this.lab;
    const [from, to] = [index, arrow.targetRow].map((row) => spacing.top(sheet.position(row)));
    this.pen.at(from - this.top + LINE);
    drawArrow(this.shared(arrow.targetRow), arrow, to - from);
  }

  paintRow(position) {
    const { scene, sheet, spacing, geometry } = this.lab;
    const index = sheet.row(position);
    const { step, arrows } = scene.row(index);
    const here = this.shared(index);
    this.pen.at(spacing.top(position) - this.top + LINE);
    this.paintGap(position);
    for (const arrow of arrows) if (this.isShort(arrow, index)) drawArrow(here, arrow, 0);
    if (step !== null) drawStep(here, step);
    const tail = here.italic;
    const waiting = { font: "words", halo: here.halo, italic: true };
    if (tail && step === null && arrows.length === 0) this.pen.text(geometry.gutter, 4, this.wordsOf(index), waiting);
    this.pen.text(geometry.gutter - 14, 4, tail ? "now" : String(index + 1), { align: "end", italic: tail });
  }

  isShort(arrow, index) {
    const { sheet } = this.lab;
    const isHere = arrow.target === NOBODY || arrow.targetRow === index;
    return isHere && (sheet.states.size === 0 || sheet.keepsArrow(arrow));
  }

  /** What the marks of a row share. */
  shared(index) {
    const { scene, geometry, isLive } = this.lab;
    const nameOf = (number) => this.nameOf(number);
    return { pen: this.pen, geometry, nameOf, live: isLive, halo: this.groundOf(index), italic: scene.isTail(index) };
  }

  /** The name of the colour on which a row stands. */
  groundOf(index) {
    const { cursor, parkedRows, search } = this.lab;
    if (index === cursor) return "tint";
    if (parkedRows.has(index)) return "halt";
    return search.isHit(index) ? "find" : "box";
  }

  paintGap(position) {
    const gap = this.lab.spacing.gap(position);
    if (gap === null) return;
    const middle = -LINE - gap.height / 2;
    const { gutter, width } = this.lab.geometry;
    this.pen.line(`M${gutter} ${middle}H${width}`, "rule", { kind: "gap", width: 1 });
    this.pen.text(gutter - 6, middle + 4, gap.text, { halo: "paper" });
  }

  /** Dims the rows after the cursor. */
  drawLater() {
    const { cursor, sheet, spacing, geometry, zoom } = this.lab;
    const from = cursor === null ? this.bottom : Math.max(this.top, spacing.top(sheet.position(cursor)) + ROW);
    this.later.hidden = from >= this.bottom;
    if (this.later.hidden) return;
    const { style } = this.later;
    [style.left, style.top] = [`${(geometry.gutter - 10) * zoom}px`, `${(from - this.top) * zoom}px`];
    style.height = `${(this.bottom - from) * zoom}px`;
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

  kindOf(index) {
    const { scene, cursor, search, parkedRows } = this.lab;
    const marks = [scene.isTail(index) && "tail", index === cursor && "current", search.isHit(index) && "hit"];
    return ["row", ...marks, parkedRows.has(index) && "parked"].filter(Boolean).join(" ");
  }

  makeItem(index) {
    const made = element("div", { role: "listitem", "data-row": index, ...SUPPRESS });
    const after = [...this.list.children].find((other) => Number(other.dataset.row) > index) ?? null;
    this.items.set(index, made);
    this.list.insertBefore(made, after);
    return made;
  }
}

function isSame(one, other) {
  return Object.entries(other).every(([name, value]) => one[name] === value);
}
