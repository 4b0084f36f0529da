// The pen: lines, areas and texts on a canvas, in the colours of the page.
//
// While rows come fast everything in view is another thing in each frame. Elements for all that cost a browser several
// times as much as the picture itself: their making, their style, their layout. So what stands in the rows is painted.
// It says nothing that the list of rows does not say as well, which is there for the keyboard and for screen readers.
//
// The law: a text is painted as the text that it is, and colours have names, which the style sheet knows.

const COLOURS = [
  ...["paper", "ink", "soft", "rule", "server", "handler", "bytes", "connect", "bad", "own", "server-bar"],
  ...["handler-bar", "bad-bar", "box", "find", "halt", "tint"],
];
const MONO = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';
const SANS = 'system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
const FONTS = { label: `600 12px ${MONO}`, words: `12px ${MONO}`, small: `10px ${SANS}` };
const DASHES = { dashed: [6, 4], dotted: [1.5, 3.5], open: [2, 3], life: [2, 4], gap: [1, 5] };
const HALO = 4;
const SLACK = 256;

/** Paints on `canvas`. */
export class Pen {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.colours = null;
    this.texts = new Map();
    this.lift = 0;
  }

  /** Reads the colours of the page again, because they have changed. */
  forgetColours() {
    this.colours = null;
  }

  /** Begins a picture: `width` by `height` of a drawing, from `left` to the right of it, `zoom` times as large. */
  begin(left, width, height, zoom) {
    const { canvas, context } = this;
    this.colours ??= coloursOf(canvas);
    const density = window.devicePixelRatio || 1;
    this.makeRoom(Math.ceil(width * zoom * density), Math.ceil(height * zoom * density), density);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(zoom * density, 0, 0, zoom * density, -left * zoom * density, 0);
    context.lineJoin = "round";
    this.lift = 0;
  }

  /** Ends it: texts stand above all lines, and those of one font are painted together, for each change of it costs. */
  end() {
    this.at(0);
    for (const [font, texts] of this.texts) {
      this.context.font = font;
      for (const text of texts) this.write(text);
    }
    this.texts.clear();
  }

  /** Makes a canvas that is large enough. It stays what it is while rows come and go, because another one costs. */
  makeRoom(width, height, density) {
    const { canvas } = this;
    const fits = (has, needs) => needs <= has && has <= needs + SLACK;
    if (fits(canvas.width, width) && fits(canvas.height, height) && this.density === density) return;
    this.density = density;
    [canvas.width, canvas.height] = [width + SLACK / 2, height + SLACK / 2];
    [canvas.style.width, canvas.style.height] = [`${canvas.width / density}px`, `${canvas.height / density}px`];
  }

  /** What follows stands this far down. */
  at(y) {
    this.context.translate(0, y - this.lift);
    this.lift = y;
  }

  /** A line along a path, as SVG writes it. `kind` is one of the keys of DASHES, or nothing. */
  line(path, colour, { kind = "", width = kind === "dotted" ? 2 : 1.6, shift = 0 } = {}) {
    const { context } = this;
    context.strokeStyle = this.colours[colour];
    context.lineWidth = width;
    context.setLineDash(DASHES[kind] ?? []);
    context.lineDashOffset = shift;
    context.stroke(new Path2D(path));
  }

  /** What a path goes around. */
  fill(path, colour) {
    this.context.fillStyle = this.colours[colour];
    this.context.fill(new Path2D(path));
  }

  /** A text. `halo` names the colour of a rim that hides the line behind it. */
  text(x, y, words, { font = "small", colour = "soft", halo = null, align = "start", italic = false }) {
    const name = italic ? `italic ${FONTS[font]}` : FONTS[font];
    if (!this.texts.has(name)) this.texts.set(name, []);
    this.texts.get(name).push({ x, y: y + this.lift, words, colour, halo, align });
  }

  write({ x, y, words, colour, halo, align }) {
    const { context } = this;
    context.textAlign = align;
    if (halo !== null) {
      context.strokeStyle = this.colours[halo];
      context.lineWidth = HALO;
      context.setLineDash([]);
      context.strokeText(words, x, y);
    }
    context.fillStyle = this.colours[colour];
    context.fillText(words, x, y);
  }
}

function coloursOf(canvas) {
  const style = getComputedStyle(canvas);
  return Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
