// The part of the drawing that is in view: scrolling, following the newest row, zooming.
//
// The scrolled area is as high as all rows together, so that the scrollbar tells the truth; browsers know no heights
// beyond some millions of pixels, and then a pixel of scrolling stands for several. Rows are drawn with some more around
// what is in view, and again when that does not suffice.
//
// Asking the page how large or how far scrolled something is makes it reckon at once what it would reckon once a frame.
// So the size is what the observer last said, the scrolling what the last event said or what was last wished for, and a
// frame scrolls when all is drawn.
//
// The law: whoever scrolls up by hand wants to read, so following ends; and nothing but a wish begins it again.

import { element, setAttribute } from "./elements.js";
import { HEADS, ROW, clamp } from "./geometry.js";

const HIGHEST = 8_000_000;
const MORE = 6;
const ASIDE = 160;
const SMALLEST_ZOOM = 0.3;
const LARGEST_ZOOM = 2;
const READABLE = 0.75;
const STEP = 1.1;
const CALM = 250;

/** The scrolled area, which shows the drawing of the lab. */
export class Viewport {
  constructor(lab, drawing) {
    this.lab = lab;
    this.drawing = drawing;
    this.follows = false;
    this.fits = true;
    this.wide = 0;
    this.high = 0;
    this.scrolledTo = 0;
    this.scrolledAside = 0;
    this.newest = "";
    this.byHand = false;
    this.layer = element("div", { class: "layer" }, drawing.backdrop, drawing.list);
    this.layer.append(drawing.canvas, drawing.later);
    this.space = element("div", { class: "space" }, this.layer);
    this.heads = element("div", { class: "heads" }, drawing.heads);
    this.remarks = element("ul", { class: "remarks", hidden: true });
    this.area = element("div", { class: "area", scroll: () => this.scrolled() }, this.heads, this.space, this.remarks);
    this.area.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    // A scrollbar that is let go says nothing; the next move without a button does.
    for (const type of ["pointerdown", "pointermove", "pointerup"])
      this.area.addEventListener(type, (event) => (this.byHand = event.buttons !== 0));
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.area);
  }

  /** Ends what it began. */
  close() {
    this.observer.disconnect();
    clearTimeout(this.calm);
  }

  get zoom() {
    return this.lab.zoom;
  }

  /** The height of the part of the area where rows are seen. */
  get height() {
    return Math.max(0, this.high - HEADS * this.zoom);
  }

  get content() {
    return this.lab.spacing.total * this.zoom + ROW * this.zoom;
  }

  get room() {
    return Math.min(this.content, HIGHEST);
  }

  /** How many pixels of the drawing one pixel of scrolling stands for. */
  get ratio() {
    return this.content <= HIGHEST ? 1 : (this.content - this.height) / (this.room - this.height);
  }

  /** How far the rows are scrolled, in pixels of the zoomed drawing. */
  get offset() {
    return clamp(this.scrolledTo * this.ratio, 0, Math.max(0, this.content - this.height));
  }

  /** Takes over what changed in the scene, the sheet or the geometry, and draws. */
  refresh() {
    if (this.fits) this.fitColumns();
    const width = `${this.lab.geometry.width * this.zoom}px`;
    this.heads.style.width = this.space.style.width = width;
    this.space.style.height = `${this.room}px`;
    this.heads.style.height = `${HEADS * this.zoom}px`;
    this.drawing.drawHeads();
    if (this.follows) this.scrolledTo = this.end;
    this.draw();
    if (this.follows) {
      this.scrollTo(this.end);
      this.lookAside();
    }
  }

  /** When rows have ceased to come for a moment, shows the column of who is paused, or of the newest row. */
  lookAside() {
    const count = this.lab.scene.rows.length;
    const paused = [...this.lab.parkedRows].at(-1);
    const news = `${count} ${paused}`;
    if (news === this.newest || count === 0) return;
    this.newest = news;
    clearTimeout(this.calm);
    this.calm = setTimeout(() => {
      const { scene, walker } = this.lab;
      const row = paused !== undefined && paused < scene.total ? paused : scene.rows.length - 1;
      if (this.follows && row >= 0) this.revealColumn(walker.columnOf(row));
    }, CALM);
  }

  /** Draws the rows in view and some more. */
  draw() {
    const [first, last] = this.inView();
    const [left, right] = this.sideways();
    const count = this.lab.sheet.count;
    const [more, aside] = this.follows ? [1, 0] : [MORE, ASIDE];
    const rows = [clamp(first - more, 0, Math.max(0, count - 1)), Math.min(last + more, count - 1)];
    this.drawing.drawRows(rows, [Math.max(0, left - aside), Math.min(right + aside, this.lab.geometry.width)]);
    this.place();
  }

  /** The positions of the first and the last row in view. */
  inView() {
    const { spacing } = this.lab;
    const from = this.offset / this.zoom;
    return [spacing.positionAt(from), spacing.positionAt(from + this.height / this.zoom)];
  }

  /** From where to where it is in view, from left to right. */
  sideways() {
    const left = clamp(this.scrolledAside / this.zoom, 0, this.lab.geometry.width);
    return [left, Math.min(left + this.wide / this.zoom, this.lab.geometry.width)];
  }

  /** The position of the first row in view. */
  firstInView() {
    return this.inView()[0];
  }

  place() {
    const top = this.drawing.top * this.zoom - this.offset + this.scrolledTo;
    this.layer.style.transform = `translateY(${top}px)`;
  }

  scrolled() {
    const { scrollTop, scrollLeft } = this.area;
    const atEnd = scrollTop + this.high >= this.area.scrollHeight - ROW;
    if (this.follows && !atEnd && this.byHand && scrollTop < this.scrolledTo - 2) this.follow(false);
    [this.scrolledTo, this.scrolledAside] = [scrollTop, scrollLeft];
    if (this.isDrawn()) this.place();
    else this.draw();
    setAttribute(this.heads, "data-lifted", scrollTop > 0);
  }

  /** Whether all that is in view is drawn. */
  isDrawn() {
    const [first, last] = this.inView();
    const [left, right] = this.sideways();
    const { drawing } = this;
    return first >= drawing.first && last <= drawing.last && left >= drawing.left && right <= drawing.right;
  }

  resized() {
    [this.wide, this.high] = [this.area.clientWidth, this.area.clientHeight];
    if (this.high > 0) this.refresh();
  }

  /** Begins or ends following the newest row. */
  follow(wanted) {
    if (this.follows === wanted) return;
    this.follows = wanted;
    if (wanted) this.scrollTo(this.end);
    this.lab.told("follow");
  }

  /** How far it is scrolled at the newest row, and at the remarks below it. */
  get end() {
    return Math.max(0, this.room - this.height + (this.remarks.hidden ? 0 : ROW));
  }

  scrollTo(top) {
    this.area.scrollTop = top;
    const reached = this.area.scrollTop;
    if (reached === this.scrolledTo) return;
    this.scrolledTo = reached;
    this.place();
  }

  /** Scrolls as little as is needed to show a row, with the rows around it. */
  reveal(index) {
    const { sheet, spacing } = this.lab;
    const top = spacing.top(sheet.position(index)) * this.zoom;
    const margin = Math.min(2 * ROW * this.zoom, this.height / 4);
    const [least, most] = [top + ROW * this.zoom + margin - this.height, top - margin];
    if (this.offset >= least && this.offset <= most) return;
    const aim = Math.max(0, this.offset < least ? least : most);
    this.scrollTo(aim / this.ratio);
    this.draw();
  }

  /** Scrolls sideways as little as is needed to show a column with its texts. */
  revealColumn(number) {
    const place = this.lab.geometry.places.get(number);
    if (place === undefined) return;
    const [left, right] = [(place.x - place.half - 20) * this.zoom, place.end * this.zoom];
    const { scrollLeft, clientWidth } = this.area;
    if (left < scrollLeft) this.area.scrollLeft = left;
    else if (right > scrollLeft + clientWidth) this.area.scrollLeft = Math.min(left, right - clientWidth);
  }

  wheel(event) {
    if (event.deltaY < 0 && !event.ctrlKey) this.follow(false);
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.zoomTo(this.zoom * (event.deltaY < 0 ? STEP : 1 / STEP));
  }

  /** Zooms, and keeps the first row in view where it is. */
  zoomTo(zoom) {
    this.fits = false;
    const [first] = this.inView();
    this.lab.zoom = clamp(Math.round(zoom * 100) / 100, SMALLEST_ZOOM, LARGEST_ZOOM);
    this.refresh();
    if (!this.follows) this.scrollTo((this.lab.spacing.top(first) * this.zoom) / this.ratio);
    this.draw();
    this.lab.told("zoom");
  }

  zoomBy(steps) {
    this.zoomTo(clamp(Math.round(this.zoom * 10 + steps) / 10, SMALLEST_ZOOM, LARGEST_ZOOM));
  }

  /** Makes the drawing as wide as the area. */
  fit() {
    this.zoomTo(this.wide / this.lab.geometry.width);
  }

  /** Until somebody zooms, a drawing that is too wide is made smaller, as long as it can be read. */
  fitColumns() {
    const wanted = clamp(this.wide / this.lab.geometry.width, READABLE, 1);
    if (this.wide === 0 || Math.abs(wanted - this.zoom) < 0.005) return;
    this.lab.zoom = Math.floor(wanted * 100) / 100;
    this.lab.told("zoom");
  }

  /** What stands below the last row. */
  showRemarks(remarks) {
    if (remarks === this.remarked) return;
    this.remarked = remarks;
    this.remarks.hidden = remarks.length === 0;
    this.remarks.replaceChildren(...remarks.map((remark) => element("li", {}, remark)));
  }
}
