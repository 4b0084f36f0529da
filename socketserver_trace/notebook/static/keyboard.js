// The keys of the drawing, and the dialog that lists them.
//
// JupyterLab and browsers have keys of their own, so a key that is ours goes no further, and none is ours while
// somebody writes in a field.
//
// The law: whatever can be done with the pointer can be done with keys.

import { SUPPRESS, button, element } from "./elements.js";

const PAGE = 10;

const KEYS = [
  ["↓ or j, ↑ or k", "the next row, the row before"],
  ["Page Down, Page Up", "ten rows on, ten rows back"],
  ["Home, End", "the first row, the last row"],
  ["n, p", "the next row of the same lane, the one before"],
  ["Enter", "the story of the row"],
  ["Escape", "show all rows again"],
  ["/", "find; then Enter and Shift+Enter go from hit to hit"],
  ["f", "follow the newest row, or stop"],
  ["+ and -", "zoom; so do Ctrl with + and -, and Ctrl with the wheel"],
  ["0", "as wide as the drawing's place"],
  ["?", "this list"],
];

/** The dialog with the list of keys. */
export function keysDialog() {
  const rows = KEYS.map(([keys, words]) => [element("dt", {}, keys), element("dd", {}, words)]);
  const close = button("Close", () => dialog.close(), { autofocus: true });
  const heading = element("h2", { id: "keys-heading" }, "Keys");
  const hint = element("p", { class: "hint" }, "They work while the focus is in the drawing.");
  const parts = [heading, hint, element("dl", {}, rows), close];
  const dialog = element("dialog", { class: "dialog", "aria-labelledby": "keys-heading", ...SUPPRESS }, parts);
  dialog.addEventListener("keydown", (event) => dialog.open && event.stopPropagation());
  return dialog;
}

/** What each key does to a lab: those of the first kind in the drawing, those of the second everywhere. */
function actionsOf(lab) {
  const rows = {
    ArrowDown: () => lab.walker.move(1),
    ArrowUp: () => lab.walker.move(-1),
    j: () => lab.walker.move(1),
    k: () => lab.walker.move(-1),
    PageDown: () => lab.walker.move(PAGE),
    PageUp: () => lab.walker.move(-PAGE),
    Home: () => lab.walker.selectAt(0),
    End: () => lab.walker.selectAt(lab.sheet.count - 1),
    n: () => lab.walker.moveInLane(1),
    p: () => lab.walker.moveInLane(-1),
    Enter: () => lab.openStory(),
  };
  const anywhere = {
    "/": () => lab.search.field.focus(),
    "?": () => lab.showKeys(),
    "+": () => lab.viewport.zoomBy(1),
    "=": () => lab.viewport.zoomBy(1),
    "-": () => lab.viewport.zoomBy(-1),
    0: () => lab.viewport.fit(),
    f: () => lab.toggleFollow(),
    Escape: () => lab.walker.select(null),
  };
  return { rows, anywhere };
}

/**
 * Listens to the keys in `root`; those of rows count in `area`. Where nothing else is on the page they count as well
 * while nothing has the focus. Returns what ends the latter.
 */
export function listenToKeys(lab, root, area) {
  const { rows, anywhere } = actionsOf(lab);
  const all = { ...anywhere, ...rows };
  // A dialog that was just closed keeps the focus until the next frame.
  const isInRows = (target) => area.contains(target) || (!lab.dialog.open && lab.dialog.contains(target));
  root.addEventListener("keydown", (event) => press(event, isInRows(event.target) ? all : anywhere));
  if (!lab.port.isAlone) return () => {};
  const pressed = (event) => event.target === document.body && press(event, all);
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}

function press(event, actions) {
  const act = actionFor(event, actions);
  if (act === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

function actionFor(event, actions) {
  const control = event.ctrlKey || event.metaKey;
  if (event.altKey || isWriting(event.target)) return undefined;
  if (control && !["+", "=", "-", "0"].includes(event.key)) return undefined;
  return Object.hasOwn(actions, event.key) ? actions[event.key] : undefined;
}

function isWriting(target) {
  return target.matches("textarea, select, input:not([type=range], [type=checkbox])");
}
