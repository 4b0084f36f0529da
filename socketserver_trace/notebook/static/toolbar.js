// The bar above the drawing: what it shows, and how it is looked at.
//
// The law: it shows the state of the lab and passes wishes on; what it shows is never the only place of a state.

import { button, element, setAttribute, setText } from "./elements.js";
import { LanesMenu, RowsMenu } from "./menus.js";
import { plural } from "./timeline.js";

/** The bar. */
export class Toolbar {
  constructor(lab) {
    this.lab = lab;
    this.title = element(lab.port.isAlone ? "h1" : "h2", { class: "name" });
    this.about = element("p", { class: "about" });
    this.lanes = new LanesMenu(lab);
    this.rows = new RowsMenu(lab);
    this.zoom = element("output", { class: "zoom", "aria-label": "Zoom" });
    this.follow = button("Follow", () => lab.toggleFollow(), {
      title: "Follow the newest row (f)",
      "aria-pressed": "false",
    });
    this.panel = button("Panel", () => lab.togglePanel(), {
      "aria-pressed": "true",
      title: "Show the panel at the side",
    });
    const heading = element("div", { class: "heading" }, this.title, this.about);
    this.view = element("div", { class: "toolbar" }, heading, lab.search.view, this.tools());
  }

  tools() {
    const { viewport } = this.lab;
    const zoom = element(
      "div",
      { class: "zooming", role: "group", "aria-label": "Zoom" },
      button("−", () => viewport.zoomBy(-1), { name: "Smaller (-)", kind: "quiet" }),
      this.zoom,
      button("+", () => viewport.zoomBy(1), { name: "Larger (+)", kind: "quiet" }),
      button("Fit", () => viewport.fit(), { title: "As wide as the drawing's place (0)", kind: "quiet" }),
    );
    const keys = button("?", () => this.lab.showKeys(), { name: "Keys (?)", kind: "quiet" });
    const live = this.lab.port.isPlayer ? [] : [this.follow];
    return element("div", { class: "tools" }, live, this.lanes.view, this.rows.view, zoom, this.panel, keys);
  }

  /** Closes the menus in which something else than `target` lies. */
  closeMenus(target) {
    this.lanes.close(target);
    this.rows.close(target);
  }

  /** Shows the state of the lab. */
  show() {
    const { scene, status, viewport, zoom } = this.lab;
    setText(this.title, scene.title || status?.server || "Nothing yet");
    setAttribute(this.title, "title", this.title.textContent); // it may be cut
    setText(this.about, this.sentence());
    setText(this.zoom, `${Math.round(zoom * 100)} %`);
    setAttribute(this.follow, "aria-pressed", String(viewport.follows));
    setAttribute(this.panel, "aria-pressed", String(this.lab.hasPanel));
    this.lanes.show();
    this.rows.show();
  }

  sentence() {
    const { scene, status, port } = this.lab;
    const parts = [port.isPlayer ? "" : (status?.state ?? ""), plural(scene.rows.length, "row")];
    parts.push(scene.order === "arrival" ? "in order of arrival" : "in causal order");
    if (status?.dropped) parts.push(`${plural(status.dropped, "older event")} let go`);
    return parts.filter(Boolean).join(" · ");
  }
}
