// The story of the row that is looked at: what it is, whose method runs, where in the source, and why.
//
// A story is asked for when its row is first looked at, and kept until the row changes. Until it has come the one
// before stays, so that walking along rows does not flicker.
//
// The law: a part that a story does not have is not there. Every text of it is a text node.

import { element, setAttribute } from "./elements.js";
import { overview } from "./overview.js";

/** The panel of the story. */
export class StoryPanel {
  constructor(lab) {
    this.lab = lab;
    this.known = new Map();
    this.asked = null;
    this.view = element("div", { class: "story" });
  }

  /** Forgets the stories of rows that are others now; of all rows without a list. */
  forget(indices = null) {
    if (indices === null) this.known.clear();
    else for (const index of indices) this.known.delete(index);
    if (indices === null || indices.includes(this.asked)) this.asked = null;
  }

  /** Shows the story of the row that is looked at, or asks for it; without one, what the drawing is about. */
  show() {
    const { cursor, scene, port } = this.lab;
    setAttribute(this.view, "aria-busy", null);
    if (cursor === null) this.showOverview();
    else if (this.known.has(cursor)) this.present(cursor);
    else if (this.asked !== cursor && !scene.isTail(cursor)) {
      this.asked = cursor;
      setAttribute(this.view, "aria-busy", "true");
      this.lab.ask({ ask: "story", event: scene.row(cursor).event, row: cursor, order: scene.order });
    } else if (scene.isTail(cursor)) this.view.replaceChildren(...tailStory(scene.row(cursor)));
    setAttribute(this.view, "data-player", port.isPlayer);
  }

  /** Takes a message of the type `story`. */
  take({ row, event, story }) {
    const known = this.lab.scene.rows[row];
    if (known === undefined || known.event !== event) return;
    this.known.set(row, story);
    if (this.asked === row) this.asked = null;
    if (this.lab.cursor === row) this.show();
  }

  showOverview() {
    this.asked = null;
    this.shown = null;
    this.view.replaceChildren(...overview(this.lab));
  }

  present(index) {
    const story = this.known.get(index);
    if (this.shown === story && this.view.dataset.row === String(index)) return;
    this.shown = story;
    this.view.dataset.row = index;
    const row = this.lab.scene.rows[index];
    this.view.replaceChildren(
      element("p", { class: "over" }, `Row ${index + 1} · ${row.actor}`),
      ...partsOf(story, row),
    );
    this.view.scrollTop = 0;
  }
}

function tailStory(row) {
  const words = "This row tells who waits just now. It is replaced when that changes, so it has no story of its own.";
  return [
    element("p", { class: "over" }, `Now · ${row.actor}`),
    element("h2", { class: "title" }, row.words),
    element("p", {}, words),
  ];
}

function partsOf(story, row) {
  if (!story)
    return [element("h2", { class: "title" }, row.words), element("p", {}, "This file holds no story of this row.")];
  const facts = [...(story.facts ?? []), ...durationOf(story)];
  return [
    element(
      "h2",
      { class: "title" },
      story.title ?? row.words,
      story.moment && element("span", { class: "moment" }, story.moment),
    ),
    story.purpose && element("p", { class: "purpose" }, story.purpose),
    story.contract && element("p", { class: "hint" }, story.contract),
    part("Classes, in the order in which Python looks", classes(story.mro)),
    part("Facts", factList(facts)),
    part("Bytes", dump(story.data)),
    ...(story.sources ?? []).map((source) => part(source.caption ?? "Source", excerpt(source))),
    part("Why", why(story.why)),
    story.waits && part("Waits", element("p", {}, story.waits)),
  ].filter(Boolean);
}

function part(heading, content) {
  return content && element("section", {}, element("h3", {}, heading), content);
}

function durationOf(story) {
  if (typeof story.duration_ns !== "number") return [];
  return [["lasted", `${(story.duration_ns / 1e6).toLocaleString("en", { maximumFractionDigits: 3 })} ms`]];
}

function classes(mro) {
  return mro?.length ? element("ol", { class: "classes" }, mro.map(classChip)) : null;
}

/** The class whose method runs has a tick and says so; one that it shadows is struck through and says so. */
function classChip(one) {
  const own = one.yours ?? one.own;
  const kind = one.provider ? "runs" : one.shadowed ? "shadowed" : "";
  const name = element(one.shadowed ? "s" : "span", {}, one.name);
  const notes = [own && "yours", one.provider && "runs", one.shadowed && "shadowed"].filter(Boolean);
  return element(
    "li",
    { class: `chip ${kind}` },
    one.provider && "✓ ",
    name,
    notes.map((note) => element("small", {}, ` · ${note}`)),
  );
}

function factList(facts) {
  const pairs = facts.map(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]);
  return pairs.length ? element("dl", { class: "facts" }, pairs) : null;
}

function dump(lines) {
  if (!lines?.length) return null;
  const shown = lines.map(
    (line) => `${line.offset.toString(16).padStart(4, "0")}  ${line.hex.padEnd(47)}  ${line.text}`,
  );
  return element("pre", { class: "code dump", tabindex: 0, "aria-label": "Bytes" }, shown.join("\n"));
}

function excerpt(source) {
  const lines = source.lines.map((line, place) => {
    const marked = place === source.marked;
    const number = element("span", { class: "line-number" }, `${marked ? "▸" : " "}${source.first + place}`);
    return element("span", { class: marked ? "code-line marked" : "code-line" }, number, ` ${line}\n`);
  });
  const named = source.function ? `${source.function} in ${source.file}` : source.file;
  const code = element(
    "pre",
    { class: "code", tabindex: 0, "aria-label": `${named}, source` },
    lines,
    source.goes_on && "…",
  );
  return element("div", {}, element("p", { class: "hint" }, named), code);
}

function why(told) {
  if (!told) return null;
  const reasons = (told.reasons ?? []).map((reason) =>
    element("li", {}, reason.sentence, (reason.lines ?? []).map(reasonLine)),
  );
  return element("div", { class: "why" }, element("p", { class: "verdict" }, told.verdict), element("ul", {}, reasons));
}

function reasonLine(line) {
  if (typeof line === "string") return element("code", {}, line);
  return element("code", { title: `${line.function} in ${line.file}, line ${line.number}` }, line.text.trim());
}
