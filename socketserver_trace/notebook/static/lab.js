// The lab: all its parts, what they share, and how they hear of each other.
//
// What is shared is the scene (what there is), the sheet (which rows are shown), the geometry and the spacing (where),
// the zoom, the cursor (the row that is looked at, or null) and the last status. A part that changes one of these says
// so by `told`, and in the next frame all that shows it is drawn again.
//
// The law: messages are taken at once, whether the page is seen or not; the page is touched once a frame.

import { STYLE } from "./style.js";
import { ClientsPanel } from "./clients.js";
import { Drawing } from "./drawing.js";
import { SUPPRESS, element, inNextFrame, setAttribute, setText } from "./elements.js";
import { Geometry, gutterOf } from "./geometry.js";
import { keysDialog, listenToKeys } from "./keyboard.js";
import { Panel } from "./panel.js";
import { ParkedStrip, PausesPanel } from "./pauses.js";
import { Scene } from "./scene.js";
import { Search } from "./search.js";
import { Sheet } from "./sheet.js";
import { Spacing } from "./spacing.js";
import { StoryPanel } from "./story.js";
import { Announcer, followTheme } from "./surroundings.js";
import { Timeline } from "./timeline.js";
import { Toolbar } from "./toolbar.js";
import { Viewport } from "./viewport.js";
import { Walker } from "./walking.js";

const GONE = "No kernel: run the cell again.";

/**
 * Puts the lab into `host`, an empty element. `port` is {send(message), listen(callback) -> forget}: whoever answers.
 * With `isPlayer` it is a finished trace, `note` is a sentence about it, and `isAlone` says that the page has nothing
 * else. Returns what takes the lab away again.
 */
export function mount(host, port) {
  const lab = new Lab(host, port);
  lab.begin();
  return () => lab.close();
}

/** The lab in its host. */
class Lab {
  constructor(host, port) {
    this.port = port;
    this.scene = new Scene();
    this.sheet = new Sheet(this.scene);
    this.geometry = new Geometry(this.scene, this.sheet);
    this.spacing = new Spacing(this.scene, this.sheet);
    this.zoom = 1;
    this.cursor = null;
    this.status = null;
    this.parkedRows = new Set();
    this.hasPanel = true;
    this.drawing = new Drawing(this);
    this.viewport = new Viewport(this, this.drawing);
    this.walker = new Walker(this);
    this.search = new Search(this);
    this.timeline = new Timeline(this);
    this.toolbar = new Toolbar(this);
    this.story = new StoryPanel(this);
    this.strip = new ParkedStrip(this);
    this.pauses = new PausesPanel(this);
    this.clients = new ClientsPanel(this);
    this.announcer = new Announcer();
    this.dialog = keysDialog();
    this.draw = inNextFrame(() => this.drawAll());
    this.build(host);
  }

  get isLive() {
    return !this.port.isPlayer && this.status?.state !== "stopped";
  }

  build(host) {
    const live = [
      ["Clients", this.clients.view],
      ["Pauses", this.pauses.view],
      ["Story", this.story.view],
    ];
    this.panel = new Panel(this.port.isPlayer ? live.slice(2) : live);
    this.banner = element("div", { class: "strip banner", role: "alert", hidden: true });
    this.stage = element("div", { class: "stage" }, this.viewport.area);
    const body = element("div", { class: "body" }, this.stage, this.panel.view);
    const parts = [
      this.toolbar.view,
      this.banner,
      this.strip.view,
      body,
      this.timeline.view,
      this.announcer.view,
      this.dialog,
    ];
    this.view = element("div", { class: "lab", "data-player": this.port.isPlayer }, parts);
    this.root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    this.root.replaceChildren(element("style", {}, STYLE), this.view);
    for (const [name, value] of Object.entries(SUPPRESS)) host.setAttribute(name, value);
  }

  begin() {
    this.forgetTheme = followTheme(this.view, () => this.recolour());
    this.forgetKeys = listenToKeys(this, this.root, this.stage);
    this.drawing.list.addEventListener("click", (event) => this.clicked(event));
    this.closeMenus = (event) => this.toolbar.closeMenus(event.composedPath()[0]);
    document.addEventListener("pointerdown", this.closeMenus, true);
    this.viewport.follow(!this.port.isPlayer);
    this.forget = this.port.listen((message) => this.take(message));
    this.ask({ ask: "ready" });
    this.told("all");
  }

  /** Ends everything and empties the host. */
  close() {
    this.forget();
    this.forgetTheme();
    this.forgetKeys();
    document.removeEventListener("pointerdown", this.closeMenus, true);
    this.viewport.close();
    this.announcer.close();
    this.draw.cancel();
    this.root.replaceChildren();
  }

  /** Sends a wish. When nobody is there any more, says so. */
  ask(message) {
    try {
      this.port.send(message);
    } catch {
      this.showBanner(GONE);
    }
  }

  take(message) {
    if (message.type === "scene") this.takeScene(message);
    else if (message.type === "status") this.takeStatus(message);
    else if (message.type === "clients") this.clients.take(message);
    else if (message.type === "story") this.story.take(message);
    else if (message.type === "gone") this.showBanner(GONE);
  }

  takeScene(message) {
    const event = message.reset && this.cursor !== null ? this.scene.row(this.cursor)?.event : undefined;
    const changed = this.scene.apply(message);
    if (message.reset) this.startAgain(event);
    else this.goOn(changed);
    if (message.columns || message.reset || gutterOf(this.scene.total) !== this.geometry.gutter) this.geometry.update();
    this.findParked();
    this.told("all");
    const newest = this.scene.rows.at(-1);
    if (this.isLive && message.rows?.length && newest) this.announcer.mention(`${newest.actor}: ${newest.words}`);
  }

  startAgain(event) {
    this.sheet.begin();
    this.spacing.begin();
    this.search.forget();
    this.story.forget();
    this.cursor = event === undefined ? null : (this.scene.rowOf(event) ?? null);
  }

  goOn(changed) {
    const kept = this.sheet.kept;
    this.sheet.update(changed);
    if (this.sheet.kept === kept) this.spacing.update();
    else this.spacing.begin();
    this.search.update(changed);
    this.story.forget(changed);
    if (this.cursor !== null && this.cursor >= this.scene.total) this.cursor = null;
  }

  takeStatus(status) {
    const former = new Set((this.status?.parked ?? []).map((one) => one.number));
    this.status = status;
    for (const one of status.parked ?? []) if (!former.has(one.number)) this.announcer.say(one.text);
    this.findParked();
    this.strip.show();
    this.pauses.show();
    this.clients.live(status.state !== "stopped");
    if (this.viewport.follows) this.viewport.lookAside();
    this.showBanner(status.sentence ?? "");
    this.told("status");
  }

  findParked() {
    const rows = (this.status?.parked ?? []).map((one) => this.scene.rowOf(one.event));
    this.parkedRows = new Set(rows.filter((row) => row !== undefined));
  }

  /** What is painted is painted again, in the colours of now. */
  recolour() {
    this.drawing.pen.forgetColours();
    this.told("all");
  }

  showBanner(text) {
    setText(this.banner, text);
    this.banner.hidden = text === "";
  }

  /** Says that something changed: "all", "cursor", "hits", "lanes", "zoom", "follow" or "status". */
  told(what) {
    if (what === "lanes") {
      this.geometry.update();
      this.spacing.begin();
      this.search.begin();
    }
    this.draw();
  }

  drawAll() {
    this.viewport.showRemarks(this.scene.remarks);
    this.viewport.refresh();
    this.search.show();
    this.timeline.show();
    this.toolbar.show();
    this.story.show();
  }

  clicked(event) {
    const item = event.target.closest(".row");
    if (item === null) return;
    this.walker.look(Number(item.dataset.row));
    item.focus({ preventScroll: true });
    this.openStory();
  }

  openStory() {
    const here = this.walker.here();
    if (here === null) return;
    if (this.cursor === null) this.walker.select(here);
    if (!this.hasPanel) this.togglePanel();
    this.panel.show("Story");
  }

  toggleFollow() {
    if (this.port.isPlayer) return;
    if (!this.viewport.follows) this.cursor = null;
    this.viewport.follow(!this.viewport.follows);
    this.told("follow");
  }

  togglePanel() {
    this.hasPanel = !this.hasPanel;
    setAttribute(this.view, "data-without-panel", !this.hasPanel);
    this.told("all");
  }

  spaceByTime(wanted) {
    this.spacing.realTime = wanted;
    this.spacing.begin();
    this.told("all");
  }

  showKeys() {
    if (!this.dialog.open) this.dialog.showModal();
  }
}
