// What there is to draw: columns, groups, rows, bars and arrows, as Python tells them and adds to them.
//
// Python has laid everything out and sends numbers (paint/scene.py has their order). The scene keeps them under names,
// and knows which bars and which arrows of several rows a window of rows needs, without looking at the others.
//
// The law: it decides nothing and touches no page. A row is known by its index; the tail, who waits just now, follows
// the last row and is replaced as a whole.

import { Spans } from "./spans.js";

/** No column: the target of an arrow that nobody took, the origin of a step that has none. */
export const NOBODY = -1;

/** More columns than a drawing ever has: a pair of columns is one number. */
export const MOST_COLUMNS = 2 ** 20;

const OWN = 1;
const FAILED = 2;
const OPEN = 4;
const STARTS = 8;

/** A diagram that grows. */
export class Scene {
  constructor() {
    this.forget();
  }

  /** Forgets everything. */
  forget() {
    this.order = "causal";
    this.title = "";
    this.columns = new Map();
    this.placed = [];
    this.groups = [];
    this.rows = [];
    this.tail = [];
    this.remarks = [];
    this.start = 0;
    this.closedBars = new Spans();
    this.openBars = new Map();
    this.longArrows = new Spans();
    this.arrivals = new Map();
    this.widths = new Map();
  }

  /** How many rows there are, the tail included. */
  get total() {
    return this.rows.length + this.tail.length;
  }

  /** The row of an index, also one of the tail. */
  row(index) {
    return index < this.rows.length ? this.rows[index] : this.tail[index - this.rows.length];
  }

  /** Whether a row is one of the tail: it says who waits just now, and may go again. */
  isTail(index) {
    return index >= this.rows.length;
  }

  /** Takes a message of the type `scene`. Returns the indices of the known rows that look different now. */
  apply(message) {
    if (message.reset) this.forget();
    this.order = message.order ?? this.order;
    this.title = message.title ?? this.title;
    this.start = message.start ?? this.start;
    this.remarks = message.remarks ?? this.remarks;
    if (message.columns) this.placeColumns(message.columns, message.groups ?? []);
    const changed = Object.entries(message.changed ?? {});
    for (const [index, row] of changed) this.replaceRow(Number(index), readRow(row));
    for (const row of message.rows ?? []) this.replaceRow(this.rows.length, readRow(row));
    for (const bar of message.bars ?? []) this.takeBar(readBar(bar));
    if (message.tail) this.tail = message.tail.map(readRow);
    return changed.map(([index]) => Number(index));
  }

  /** The bars that have a part in rows `first` to `last`. */
  bars(first, last) {
    const open = [...this.openBars.values()].filter((bar) => bar.first <= last);
    return [...this.closedBars.within(first, last), ...open].sort((one, other) => one.depth - other.depth);
  }

  /** The arrows over several rows that pass rows `first` to `last`, as pairs of their row and the arrow. */
  arrows(first, last) {
    return this.longArrows.within(first, last);
  }

  /** The last row that tells of an event, or undefined. */
  rowOf(event) {
    const index = this.rows.findLastIndex((row) => row.event === event);
    return index === -1 ? undefined : index;
  }

  placeColumns(columns, groups) {
    const read = columns.map(readColumn);
    this.columns = new Map(read.map((column) => [column.number, column]));
    this.placed = read;
    this.groups = groups.map(([title, kind, first, last]) => ({ title, kind, first, last }));
  }

  replaceRow(index, row) {
    const former = this.rows[index];
    former?.arrows.forEach((arrow, number) => this.forgetArrow(`${index}/${number}`, arrow));
    this.rows[index] = row;
    row.arrows.forEach((arrow, number) => this.takeArrow(`${index}/${number}`, index, arrow));
    if (row.step?.starts && row.step.origin !== NOBODY) this.need(row.step.origin, row.step.column, "start".length - 2);
  }

  takeArrow(key, index, arrow) {
    if (arrow.target === NOBODY) return;
    this.need(arrow.column, arrow.target, arrow.label.length);
    if (arrow.targetRow === index) return;
    this.longArrows.set(key, Math.min(index, arrow.targetRow), Math.max(index, arrow.targetRow), { index, arrow });
    if (!this.arrivals.has(arrow.targetRow)) this.arrivals.set(arrow.targetRow, new Map());
    this.arrivals.get(arrow.targetRow).set(key, arrow);
  }

  forgetArrow(key, arrow) {
    this.longArrows.delete(key);
    this.arrivals.get(arrow.targetRow)?.delete(key);
  }

  takeBar(bar) {
    const key = `${bar.column}/${bar.depth}/${bar.first}`;
    this.openBars.delete(key);
    this.closedBars.delete(key);
    if (bar.last === NOBODY) this.openBars.set(key, bar);
    else if (bar.last > bar.first) this.closedBars.set(key, bar.first, bar.last, bar);
  }

  /** Remembers how many characters must find room between two columns, for when those between are folded. */
  need(one, other, characters) {
    const key = Math.min(one, other) * MOST_COLUMNS + Math.max(one, other);
    if ((this.widths.get(key) ?? 0) < characters) this.widths.set(key, characters);
  }
}

function readColumn([number, name, title, subtitle, kind, inferred, room, lane]) {
  return { number, name, title, subtitle, kind, inferred: Boolean(inferred), room, lane };
}

function readRow([event, time, connection, actor, depth, words, more, step, arrows]) {
  const read = step === null ? null : readStep(step);
  return { event, time, connection, actor, depth, words, more, step: read, arrows: arrows.map(readArrow) };
}

function readStep([column, depth, kind, label, caption, flags, origin, originDepth]) {
  const said = { own: Boolean(flags & OWN), failed: Boolean(flags & FAILED), open: Boolean(flags & OPEN) };
  return { column, depth, kind, label, caption, ...said, starts: Boolean(flags & STARTS), origin, originDepth };
}

function readArrow([column, depth, kind, label, target, targetDepth, targetRow, inferred, away]) {
  return { column, depth, kind, label, target, targetDepth, targetRow, inferred: Boolean(inferred), away };
}

function readBar([column, depth, first, last, kind, failed]) {
  return { column, depth, first, last, kind, failed: Boolean(failed) };
}
