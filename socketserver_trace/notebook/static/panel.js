// The panel at the side: the story, and in the live lab the pauses and the clients, each behind a tab.
//
// The law: tabs as the patterns of ARIA have them: one stop for the focus, arrows from tab to tab.

import { SUPPRESS, element, setAttribute } from "./elements.js";

/** The panel with `parts`, pairs of a name and an element. With one part there are no tabs. */
export class Panel {
  constructor(parts) {
    this.parts = new Map(parts);
    this.tabs = new Map(parts.map(([name]) => [name, this.tab(name)]));
    const list = element("div", {
      class: "tabs",
      role: "tablist",
      "aria-label": "Panel",
      keydown: (event) => this.pressed(event),
    });
    list.append(...this.tabs.values());
    this.view = element("aside", { class: "panel", "aria-label": "Panel" }, parts.length > 1 && list);
    for (const [name, part] of parts) this.view.append(this.page(name, part, parts.length > 1));
    this.show(parts[0][0]);
  }

  tab(name) {
    const act = () => this.show(name);
    return element(
      "button",
      {
        type: "button",
        role: "tab",
        class: "tab",
        id: `tab-${name}`,
        "aria-controls": `part-${name}`,
        click: act,
        ...SUPPRESS,
      },
      name,
    );
  }

  page(name, part, hasTabs) {
    const role = hasTabs
      ? { role: "tabpanel", "aria-labelledby": `tab-${name}` }
      : { role: "region", "aria-label": name };
    return element("div", { class: "page", id: `part-${name}`, tabindex: 0, ...role, ...SUPPRESS }, part);
  }

  /** Shows the part of that name. */
  show(name) {
    this.shown = name;
    for (const [other, tab] of this.tabs) {
      setAttribute(tab, "aria-selected", String(other === name));
      setAttribute(tab, "tabindex", other === name ? 0 : -1);
    }
    for (const page of this.view.querySelectorAll(".page")) page.hidden = page.id !== `part-${name}`;
  }

  pressed(event) {
    const names = [...this.tabs.keys()];
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = names.at((names.indexOf(this.shown) + step) % names.length);
    this.show(next);
    this.tabs.get(next).focus();
  }
}
