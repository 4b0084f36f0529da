// What is around the lab: whether it is light or dark, and who listens to a screen reader.
//
// The law: a page that says what it is (JupyterLab does) is believed; otherwise the system is asked, and again when
// it changes.

import { element } from "./elements.js";

const DARK = "(prefers-color-scheme: dark)";
const FORCED = "(forced-colors: active)";
const QUIET = 1000;

/** Keeps `data-theme` of an element at "light" or "dark", and tells when colours change. Returns what ends that. */
export function followTheme(root, changed) {
  const [system, forced] = [matchMedia(DARK), matchMedia(FORCED)];
  const update = () => {
    const told = document.body?.dataset.jpThemeLight;
    root.dataset.theme = (told === undefined ? system.matches : told === "false") ? "dark" : "light";
    changed();
  };
  const observer = new MutationObserver(update);
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  for (const query of [system, forced]) query.addEventListener("change", update);
  update();
  return () => {
    observer.disconnect();
    for (const query of [system, forced]) query.removeEventListener("change", update);
  };
}

/** Tells a screen reader what is new: the newest at most once a second, what is urgent at once. */
export class Announcer {
  constructor() {
    this.view = element("div", { class: "unseen", role: "status", "aria-live": "polite" });
    this.waiting = null;
    this.timer = 0;
  }

  /** Says something now. */
  say(text) {
    this.view.textContent = text;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.rested(), QUIET);
  }

  /** Says something when the last one is a second old; what comes later takes its place. */
  mention(text) {
    if (this.timer === 0) this.say(text);
    else this.waiting = text;
  }

  rested() {
    this.timer = 0;
    const text = this.waiting;
    this.waiting = null;
    if (text !== null) this.say(text);
  }

  /** Says nothing more. */
  close() {
    clearTimeout(this.timer);
  }
}
