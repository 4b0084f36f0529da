// Which of the rows are shown, and where each of them stands.
//
// A lane can be hidden or folded. What is hidden goes, with the rows that have nothing else; of a folded lane only what
// it exchanges with others stays. As long as every lane is shown, a row's position is its index.
//
// The law: pure. It knows the scene and no page, and a row that comes later is looked at once.

import { NOBODY } from "./scene.js";

export const SHOWN = "shown";
export const FOLDED = "folded";
export const HIDDEN = "hidden";

/** The rows of a scene that are shown, in their order. */
export class Sheet {
  constructor(scene) {
    this.scene = scene;
    this.states = new Map();
    this.kept = [];
    this.seen = 0;
  }

  /** How a lane is shown. */
  state(lane) {
    return this.states.get(lane) ?? SHOWN;
  }

  /** How a column is shown: as its lane. */
  columnState(number) {
    const column = this.scene.columns.get(number);
    return column === undefined ? HIDDEN : this.state(column.lane);
  }

  /** Shows a lane in another way. */
  setState(lane, state) {
    if (state === SHOWN) this.states.delete(lane);
    else this.states.set(lane, state);
    this.begin();
  }

  /** The lanes of the scene, in the order in which they are drawn. */
  lanes() {
    return [...new Set(this.scene.placed.map((column) => column.lane))];
  }

  /** Looks at all rows again. */
  begin() {
    this.kept = [];
    this.seen = 0;
    this.update([]);
  }

  /** Looks at the rows that came, and again at all of them when one that changed is no longer where it was. */
  update(changed) {
    if (this.states.size === 0) return;
    if (this.seen > this.scene.rows.length || changed.some((index) => this.has(index) !== this.isKept(index))) {
      this.kept = [];
      this.seen = 0;
    }
    for (; this.seen < this.scene.rows.length; this.seen += 1) if (this.isKept(this.seen)) this.kept.push(this.seen);
  }

  /** How many rows are shown, the tail included. */
  get count() {
    return (this.states.size === 0 ? this.scene.rows.length : this.kept.length) + this.scene.tail.length;
  }

  /** The index of the row at a position. */
  row(position) {
    if (this.states.size === 0) return position;
    return position < this.kept.length ? this.kept[position] : this.scene.rows.length + position - this.kept.length;
  }

  /** The position of a row, or of the first one after it that is shown. */
  position(index) {
    if (this.states.size === 0) return Math.min(index, this.scene.total);
    const beyond = index - this.scene.rows.length;
    return beyond >= 0 ? this.kept.length + beyond : firstNotBelow(this.kept, index);
  }

  /** Whether a row is shown. */
  has(index) {
    return index < this.scene.total && this.row(this.position(index)) === index;
  }

  isKept(index) {
    const { step, arrows } = this.scene.rows[index];
    const arrivals = [...(this.scene.arrivals.get(index)?.values() ?? [])];
    if (step === null && arrows.length === 0 && arrivals.length === 0) return true;
    if (step !== null && this.keeps(step.column, step.origin)) return true;
    return [...arrows, ...arrivals].some((arrow) => this.keepsArrow(arrow));
  }

  keepsArrow(arrow) {
    if (arrow.target === NOBODY) return this.columnState(arrow.column) !== HIDDEN;
    return this.keeps(arrow.column, arrow.target);
  }

  /** Whether something that is in a column, or between two, is shown. */
  keeps(column, other) {
    const one = this.columnState(column);
    const inOneLane = other === NOBODY || this.laneOf(column) === this.laneOf(other);
    return inOneLane ? one === SHOWN : one !== HIDDEN || this.columnState(other) !== HIDDEN;
  }

  laneOf(number) {
    return this.scene.columns.get(number)?.lane;
  }
}

function firstNotBelow(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
