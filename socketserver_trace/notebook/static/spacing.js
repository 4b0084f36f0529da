// How far down each row stands: at even distances, or at distances that grow with the time between them.
//
// In real time a millisecond is 20 pixels more, up to a limit, so that a wait of an hour is a gap and not a desert; the
// larger gaps say how long they were. A row whose time is before that of the row above it stands below it all the same.
//
// The law: pure numbers. A height that was reckoned stays, so that nothing moves while a trace grows.

import { ROW, clamp } from "./geometry.js";

const PER_MILLISECOND = 20;
const LARGEST_GAP = 120;
const TOLD_GAP = 22;

/** The heights at which rows stand: even, or by the time between them. */
export class Spacing {
  constructor(scene, sheet) {
    this.scene = scene;
    this.sheet = sheet;
    this.realTime = false;
    this.begin();
  }

  /** Reckons all heights again. */
  begin() {
    this.tops = [];
    this.passed = [];
    this.newest = -Infinity;
    this.update();
  }

  /** Reckons the heights of the rows that came; those of the tail never stay. */
  update() {
    if (!this.realTime) return;
    const settled = this.sheet.count - this.scene.tail.length;
    if (this.tops.length > settled) this.tops.length = settled;
    for (let position = this.tops.length; position < settled; position += 1) this.tops.push(this.next(position));
  }

  next(position) {
    const { time } = this.scene.row(this.sheet.row(position));
    const passed = position === 0 ? 0 : Math.max(0, time - this.newest);
    this.newest = Math.max(this.newest, time);
    this.passed[position] = passed;
    return position === 0 ? 0 : this.tops[position - 1] + ROW + gapOf(passed);
  }

  /** Where the row at a position begins. */
  top(position) {
    if (!this.realTime || this.tops.length === 0) return position * ROW;
    const settled = this.tops.length;
    return position < settled ? this.tops[position] : this.tops[settled - 1] + (position - settled + 1) * ROW;
  }

  /** The height of all rows. */
  get total() {
    return this.top(this.sheet.count);
  }

  /** The position of the row at a height. */
  positionAt(height) {
    if (!this.realTime) return clamp(Math.floor(height / ROW), 0, this.sheet.count - 1);
    let [low, high] = [0, Math.max(0, this.sheet.count - 1)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.top(middle) <= height) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** What to say of the gap before a row, when it is large enough to be told: its height and its time in words. */
  gap(position) {
    if (!this.realTime || position === 0 || position >= this.tops.length) return null;
    const height = this.tops[position] - this.tops[position - 1] - ROW;
    if (height < TOLD_GAP) return null;
    const passed = this.passed[position];
    return { height, text: passed >= 1e6 ? `${(passed / 1e6).toFixed(1)} s` : `${Math.round(passed / 1e3)} ms` };
  }
}

function gapOf(microseconds) {
  return Math.min(LARGEST_GAP, (microseconds / 1000) * PER_MILLISECOND);
}
