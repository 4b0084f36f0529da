// Finding rows: by a hook, an actor, any word, bytes, or a connection.
//
// Every row is one text in small letters, made when it is first searched and kept; a search looks through all of them,
// and later through the rows that came or changed. "connection 2" and "#2" ask for the number and not for the text.
//
// The law: the hits are indices of rows in their order, and a field that is empty finds nothing.

import { button, element, setAttribute, setText, SUPPRESS } from "./elements.js";

const CONNECTION = /^(?:connection\s+|#\s*)(\d+)$/i;
const MARKS = 600;

/** The field, its buttons and its hits. */
export class Search {
  constructor(lab) {
    this.lab = lab;
    this.texts = [];
    this.hits = [];
    this.known = new Set();
    this.searched = 0;
    this.wanted = "";
    this.field = element("input", {
      type: "search",
      class: "field",
      placeholder: "Find: hook, bytes, #2",
      "aria-label": "Find rows",
      spellcheck: "false",
      autocomplete: "off",
      focus: () => this.prepare(),
      input: () => this.ask(this.field.value),
      keydown: (event) => this.pressed(event),
      ...SUPPRESS,
    });
    this.count = element("span", { class: "count", role: "status" });
    this.previous = button("‹", () => this.go(-1), { name: "Previous hit (Shift+Enter)", kind: "quiet" });
    this.next = button("›", () => this.go(1), { name: "Next hit (Enter)", kind: "quiet" });
    this.view = element("div", { class: "search", role: "search" }, this.field, this.count, this.previous, this.next);
    this.show();
  }

  /** Whether a row is a hit. */
  isHit(index) {
    return this.known.has(index);
  }

  /** Forgets the texts of all rows: they are others now. */
  forget() {
    this.texts = [];
    this.begin();
  }

  /** Searches for something. */
  ask(text) {
    this.wanted = text.trim().toLowerCase();
    this.begin();
    this.lab.told("hits");
  }

  begin() {
    this.hits = [];
    this.known = new Set();
    this.searched = 0;
    this.update([]);
  }

  /** Looks through the rows that came; when one that was searched has changed, through all. */
  update(changed) {
    for (const index of changed) delete this.texts[index];
    if (this.wanted !== "" && changed.some((index) => index < this.searched)) {
      this.begin();
      return;
    }
    this.look();
    this.show();
  }

  look() {
    const { rows } = this.lab.scene;
    const number = CONNECTION.exec(this.wanted)?.[1];
    const matches = number === undefined ? this.byText(rows) : (index) => rows[index].connection === Number(number);
    for (; this.wanted !== "" && this.searched < rows.length; this.searched += 1) {
      if (matches(this.searched) && this.lab.sheet.has(this.searched)) this.hits.push(this.searched);
    }
    for (let place = this.known.size; place < this.hits.length; place += 1) this.known.add(this.hits[place]);
  }

  byText(rows) {
    return (index) => this.text(rows, index).includes(this.wanted);
  }

  text(rows, index) {
    const { actor, words, more } = rows[index];
    return (this.texts[index] ??= `${actor}: ${words}\n${more}`.toLowerCase());
  }

  /** Makes the texts of all rows, before somebody has written the first letter. */
  prepare() {
    const { rows } = this.lab.scene;
    rows.forEach((_row, index) => this.text(rows, index));
  }

  show() {
    const { cursor } = this.lab;
    const place = cursor === null ? -1 : this.hits.indexOf(cursor);
    const found = place === -1 ? String(this.hits.length) : `${place + 1} of ${this.hits.length}`;
    setText(this.count, this.wanted === "" ? "" : this.hits.length === 0 ? "none" : found);
    for (const one of [this.previous, this.next]) setAttribute(one, "disabled", this.hits.length === 0);
  }

  /** Goes to the next hit (1) or to the one before (-1), and from the last one to the first. */
  go(way) {
    if (this.hits.length === 0) return;
    const cursor = this.lab.cursor ?? (way === 1 ? -1 : Infinity);
    const next = way === 1 ? this.hits.find((hit) => hit > cursor) : this.hits.findLast((hit) => hit < cursor);
    this.lab.walker.select(next ?? this.hits.at(way === 1 ? 0 : -1));
    this.show();
  }

  pressed(event) {
    event.stopPropagation();
    if (event.key === "Enter") this.go(event.shiftKey ? -1 : 1);
    if (event.key === "Escape" && this.field.value !== "") {
      this.field.value = "";
      this.ask("");
      event.preventDefault();
    } else if (event.key === "Escape") this.lab.walker.focusRows();
  }

  /** The hits as a path of ticks over a width of one, as many as can be told apart. */
  ticks() {
    const count = Math.max(1, this.lab.sheet.count - 1);
    const places = new Set(this.hits.map((hit) => Math.round((this.lab.sheet.position(hit) / count) * MARKS)));
    return [...places].map((place) => `M${place} 0v6`).join("");
  }
}

/** The width of the path of `ticks`. */
export const TICKS = MARKS;
