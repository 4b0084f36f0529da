// The menus of the bar: which lanes are shown, and how the rows are placed.
//
// The law: a menu opens and closes by pointer and by key, closes when the focus leaves it, and gives the focus back.

import { SUPPRESS, button, element, setAttribute, setText, showEach } from "./elements.js";
import { FOLDED, HIDDEN, SHOWN } from "./sheet.js";

/** A button that opens a box with `content`. Returns the element. */
export function menu(text, name, content) {
  const box = element("div", { class: "menu", role: "group", "aria-label": name, hidden: true }, content);
  const opener = button(text, () => open(box.hidden), { "aria-expanded": "false", kind: "menu-button" });
  const view = element("div", { class: "menu-place" }, opener, box);
  function open(wanted) {
    box.hidden = !wanted;
    setAttribute(opener, "aria-expanded", String(wanted));
  }
  view.addEventListener("focusout", (event) => {
    if (event.relatedTarget !== null && !view.contains(event.relatedTarget)) open(false);
  });
  view.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || box.hidden) return;
    event.stopPropagation();
    open(false);
    opener.focus();
  });
  return { view, close: (target) => view.contains(target) || open(false) };
}

/** A box to tick, with its words. */
export function tick(words, act, attributes = {}) {
  const box = element("input", { type: "checkbox", change: () => act(box.checked), ...SUPPRESS, ...attributes });
  return { view: element("label", { class: "tick-line" }, box, element("span", {}, words)), box };
}

/** The menu of the lanes: each can be hidden and folded. */
export class LanesMenu {
  constructor(lab) {
    this.lab = lab;
    this.list = element("div", { class: "lanes" });
    const all = button("Show all", () => this.showAll(), { kind: "small" });
    const { view, close } = menu("Lanes", "Lanes", [this.list, all]);
    this.view = view;
    this.close = close;
  }

  /** Shows the lanes that there are. */
  show() {
    const { sheet } = this.lab;
    showEach(this.list, sheet.lanes(), {
      keyOf: (lane) => lane,
      make: (lane) => this.line(lane),
      update: (line, lane) => this.update(line, lane),
    });
    setText(this.view.firstChild, sheet.states.size === 0 ? "Lanes" : `Lanes · ${sheet.states.size} less`);
  }

  line(lane) {
    const shown = tick(lane, (checked) => this.set(lane, checked ? SHOWN : HIDDEN));
    const act = () => this.set(lane, this.lab.sheet.state(lane) === FOLDED ? SHOWN : FOLDED);
    const fold = button("Fold", act, { kind: "small", name: `Fold ${lane}` });
    return element("div", { class: "lane" }, shown.view, fold);
  }

  update(line, lane) {
    const state = this.lab.sheet.state(lane);
    line.querySelector("input").checked = state !== HIDDEN;
    const fold = line.querySelector("button");
    setAttribute(fold, "aria-pressed", String(state === FOLDED));
    setAttribute(fold, "disabled", state === HIDDEN);
  }

  set(lane, state) {
    this.lab.sheet.setState(lane, state);
    this.lab.told("lanes");
  }

  showAll() {
    for (const lane of this.lab.sheet.lanes()) this.lab.sheet.setState(lane, SHOWN);
    this.lab.told("lanes");
  }
}

/** The menu of how rows are placed: their order, and the distances between them. */
export class RowsMenu {
  constructor(lab) {
    this.lab = lab;
    this.spacing = tick("Real-time spacing", (checked) => lab.spaceByTime(checked));
    this.order = tick("Order of arrival", (checked) =>
      lab.ask({ ask: "order", order: checked ? "arrival" : "causal" }),
    );
    const hints = [
      element("p", { class: "hint" }, "A millisecond is 20 pixels more; long gaps are cut short and say their time."),
      element("p", { class: "hint" }, "As the clock saw it, on this run; without it, what had to happen before what."),
    ];
    const { view, close } = menu("Rows", "Rows", [this.spacing.view, hints[0], this.order.view, hints[1]]);
    this.view = view;
    this.close = close;
  }

  /** Shows what is chosen. */
  show() {
    this.spacing.box.checked = this.lab.spacing.realTime;
    this.order.box.checked = this.lab.scene.order === "arrival";
  }
}
