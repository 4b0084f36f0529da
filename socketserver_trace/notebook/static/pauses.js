// Who is paused, where servers are to be paused, who waits for whom, and what the kernel holds.
//
// The paused lanes stand above the drawing with their buttons, whatever else is shown; the rest is a part of the panel.
//
// The law: what it shows is what Python said last, and a button asks Python and changes nothing here.

import { SUPPRESS, button, element, setText, shape, showEach } from "./elements.js";

const PHASES = [
  ["enter", "before"],
  ["return", "after"],
  ["raise", "when it fails:"],
];

/** The strip with the paused lanes. */
export class ParkedStrip {
  constructor(lab) {
    this.lab = lab;
    this.list = element("div", { class: "parked-list" });
    this.release = button("Release all", () => lab.ask({ ask: "release" }));
    this.view = element("div", { class: "strip paused", hidden: true }, this.list, this.release);
  }

  /** Shows who is paused. */
  show() {
    const parked = this.lab.status?.parked ?? [];
    this.view.hidden = parked.length === 0;
    showEach(this.list, parked, {
      keyOf: (one) => one.number,
      make: (one) => this.line(one),
      update: (line, one) => this.update(line, one),
    });
  }

  line(one) {
    const asking = (ask) => () => this.lab.ask({ ask, parked: one.number });
    const words = element("span", { class: "parked-words" });
    const left = element("span", { class: "hint" });
    const buttons = [
      button("Step", asking("step"), { kind: "strong", title: "On to the next event of this lane" }),
      button("Step over", asking("step_over"), { title: "On to the end of this call" }),
      button("Continue", asking("resume"), { title: "On until the next pause" }),
    ];
    return element(
      "div",
      { class: "parked-line", role: "group" },
      pauseSign(),
      words,
      left,
      element("div", { class: "parked-buttons" }, buttons),
    );
  }

  update(line, one) {
    const [, words, left] = line.children;
    setText(words, one.text);
    line.setAttribute("aria-label", one.text);
    setText(left, typeof one.remaining === "number" ? `goes on in ${Math.ceil(one.remaining)} s` : "");
  }
}

/** The part of the panel with the pauses, the waits and the kernel. */
export class PausesPanel {
  constructor(lab) {
    this.lab = lab;
    this.list = element("ul", { class: "breakpoints" });
    this.empty = element(
      "p",
      { class: "hint" },
      "No pauses yet. At one the server's thread stops, while everything else lives on.",
    );
    this.waits = element("ul", { class: "sentences" });
    this.kernel = element("ul", { class: "sentences" });
    this.waiting = section("Who waits for whom", this.waits);
    this.holding = section("What the kernel holds", this.kernel);
    const pauses = section("Pauses", this.form(), this.list, this.empty);
    this.view = element("div", { class: "pauses" }, pauses, this.waiting, this.holding);
  }

  form() {
    this.hooks = element("select", { "aria-label": "Hook", ...SUPPRESS });
    this.phase = element(
      "select",
      { "aria-label": "Before or after", ...SUPPRESS },
      PHASES.map(([value, words]) => element("option", { value }, words)),
    );
    this.connection = element("input", {
      type: "number",
      min: 1,
      class: "field narrow",
      placeholder: "any",
      "aria-label": "Connection, or any",
      ...SUPPRESS,
    });
    const of = element("label", { class: "of" }, "connection", this.connection);
    const add = element("button", { type: "submit", class: "button", ...SUPPRESS }, "Add a pause");
    return element(
      "form",
      { class: "pause-form", submit: (event) => this.add(event) },
      this.phase,
      this.hooks,
      of,
      add,
    );
  }

  add(event) {
    event.preventDefault();
    const connection = this.connection.value === "" ? null : Number(this.connection.value);
    this.lab.ask({ ask: "pause", hook: this.hooks.value, phase: this.phase.value, connection });
  }

  /** Shows what Python said. */
  show() {
    const { breakpoints = [], hooks = [], waits = [], kernel = [] } = this.lab.status ?? {};
    const isNew = this.hooks.children.length === 0;
    showEach(this.hooks, hooks, {
      keyOf: (hook) => hook,
      make: (hook) => element("option", { value: hook }, `${hook}()`),
    });
    if (isNew && hooks.includes("handle")) this.hooks.value = "handle";
    this.empty.hidden = breakpoints.length > 0;
    showEach(this.list, breakpoints, { keyOf: (one) => one.number, make: (one) => this.breakpoint(one) });
    this.waits.replaceChildren(
      ...waits.map((wait) =>
        element("li", { class: wait.hopeless ? "hopeless" : "" }, wait.hopeless && "For ever: ", wait.text),
      ),
    );
    this.kernel.replaceChildren(...kernel.map((sentence) => element("li", {}, sentence)));
    this.waiting.hidden = waits.length === 0;
    this.holding.hidden = kernel.length === 0;
  }

  breakpoint(one) {
    const phase = PHASES.find(([value]) => value === one.phase)?.[1] ?? one.phase;
    const of = one.connection === null ? "of every connection" : `of connection ${one.connection}`;
    const words = `${phase} ${one.hook}() ${of}`;
    const act = () => this.lab.ask({ ask: "unpause", breakpoint: one.number });
    return element(
      "li",
      {},
      element("span", {}, words),
      button("Remove", act, { kind: "small", name: `Remove: ${words}` }),
    );
  }
}

function pauseSign() {
  const bars = shape("path", { d: "M4 2h3v12H4zM9 2h3v12H9z" });
  return shape(
    "svg",
    { class: "pause-sign", viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" },
    bars,
  );
}

function section(heading, ...content) {
  return element("section", {}, element("h3", {}, heading), content);
}
