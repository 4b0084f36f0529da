// Walking along the rows: the row that is looked at, and the ways from it to others.
//
// Whoever walks reads, so following ends. The focus goes along when it is in the drawing, and nowhere else.
//
// The law: the cursor of the lab is the index of a row or null, and is changed here and by a new scene only.

import { clamp } from "./geometry.js";

/** Moves the cursor of a lab. */
export class Walker {
  constructor(lab) {
    this.lab = lab;
  }

  /** Looks at a row, where it is in view already; null looks at none, and shows all. */
  look(index) {
    this.lab.cursor = index;
    if (index !== null) this.lab.viewport.follow(false);
    this.lab.told("cursor");
  }

  /** Looks at a row and brings it into view; null looks at none. */
  select(index) {
    this.look(index);
    if (index === null) return;
    this.lab.viewport.reveal(index);
    const column = this.columnOf(index);
    if (column !== undefined) this.lab.viewport.revealColumn(column);
    if (this.lab.stage.contains(this.lab.root.activeElement)) this.lab.drawing.focus(index);
  }

  /** Looks at the row at a position. */
  selectAt(position) {
    const { count } = this.lab.sheet;
    if (count > 0) this.select(this.lab.sheet.row(clamp(position, 0, count - 1)));
  }

  /** Looks at a row so many rows further on. */
  move(rows) {
    const here = this.here();
    this.selectAt(here === null ? this.lab.viewport.firstInView() : this.lab.sheet.position(here) + rows);
  }

  /** The row that is looked at, or else the one that has the focus, or null. */
  here() {
    return this.lab.cursor ?? this.lab.drawing.focusedRow();
  }

  /** Looks at the next row of the same lane (1), or at the one before (-1). */
  moveInLane(way) {
    const here = this.here();
    if (here === null) return this.move(way);
    const lane = this.laneOf(here);
    let position = this.lab.sheet.position(here) + way;
    while (position >= 0 && position < this.lab.sheet.count && this.laneOf(this.lab.sheet.row(position)) !== lane)
      position += way;
    return position >= 0 && position < this.lab.sheet.count ? this.selectAt(position) : undefined;
  }

  laneOf(index) {
    return this.lab.scene.columns.get(this.columnOf(index))?.lane;
  }

  columnOf(index) {
    const { step, arrows } = this.lab.scene.row(index);
    const [arrival] = this.lab.scene.arrivals.get(index)?.values() ?? [];
    return step?.column ?? arrows[0]?.column ?? arrival?.target;
  }

  /** Gives the focus to the row that is looked at, or to the first one in view. */
  focusRows() {
    this.lab.drawing.focus(this.lab.cursor ?? this.lab.sheet.row(this.lab.viewport.firstInView()));
  }
}
