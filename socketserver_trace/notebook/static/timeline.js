// The scrubber below the drawing: the row that is looked at, among all rows.
//
// Without a row that is looked at the scrubber stands at the end, and all is shown. With one, what came later is
// dimmed, as it was not there yet.
//
// The law: the scrubber shows the cursor of the lab and moves it, and keeps nothing itself.

import { SUPPRESS, button, element, setAttribute, setText, shape } from "./elements.js";
import { TICKS } from "./search.js";

/** The scrubber with its buttons. */
export class Timeline {
  constructor(lab) {
    this.lab = lab;
    this.slider = element("input", {
      type: "range",
      class: "slider",
      min: 1,
      step: 1,
      "aria-label": "Row",
      ...SUPPRESS,
      input: () => this.moved(),
      keydown: (event) => event.stopPropagation(),
    });
    this.ticks = shape("path", { class: "tick" });
    const marks = { class: "ticks", viewBox: `0 0 ${TICKS} 6`, preserveAspectRatio: "none", "aria-hidden": "true" };
    this.place = element("output", { class: "place" });
    this.buttons = [
      button("⇤", () => lab.walker.selectAt(0), { name: "First row (Home)", kind: "quiet" }),
      button("←", () => lab.walker.move(-1), { name: "Previous row (↑)", kind: "quiet" }),
      button("→", () => lab.walker.move(1), { name: "Next row (↓)", kind: "quiet" }),
      button("⇥", () => lab.walker.selectAt(lab.sheet.count - 1), { name: "Last row (End)", kind: "quiet" }),
    ];
    this.all = button("Show all", () => lab.walker.select(null), { kind: "small", name: "Show all rows (Escape)" });
    const track = element("div", { class: "track" }, this.slider, shape("svg", marks, this.ticks));
    this.view = element(
      "div",
      { class: "timeline" },
      element("div", { class: "steps" }, this.buttons),
      track,
      this.all,
      this.place,
    );
  }

  moved() {
    this.lab.walker.selectAt(Number(this.slider.value) - 1);
  }

  /** Shows where the cursor is. */
  show() {
    const { sheet, scene, cursor, search } = this.lab;
    const { count } = sheet;
    const position = cursor === null ? count - 1 : sheet.position(cursor);
    setAttribute(this.slider, "max", Math.max(1, count));
    this.slider.value = String(position + 1);
    this.slider.style.setProperty("--part", count < 2 ? 0 : position / (count - 1));
    setAttribute(this.slider, "aria-valuetext", this.words(position));
    setAttribute(this.slider, "disabled", count === 0);
    for (const one of this.buttons) setAttribute(one, "disabled", count === 0);
    setText(
      this.place,
      cursor === null
        ? plural(count - scene.tail.length, "row")
        : `row ${position + 1} of ${count.toLocaleString("en")}`,
    );
    this.all.style.visibility = cursor === null ? "hidden" : "visible";
    setAttribute(this.ticks, "d", search.ticks());
    setAttribute(this.view, "data-rows", scene.rows.length);
  }

  words(position) {
    const { scene, sheet, cursor } = this.lab;
    if (sheet.count === 0) return "no rows yet";
    if (cursor === null) return `all ${plural(sheet.count, "row")}`;
    const row = scene.row(cursor);
    return `row ${position + 1} of ${sheet.count}: ${row.actor}: ${row.words}`;
  }
}

/** A number with its noun. */
export function plural(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
