// What lasts over several rows, and how to find what a window of rows needs of it.
//
// A span lies in the smallest bin that holds it whole; a bin of each level is sixteen times as long as one of the level
// below. Whoever asks for a window looks at the few bins of each level that the window touches, so the time it takes
// depends on the window and on what is under way at once, and not on how much there is.
//
// The law: pure numbers. A span is known by its key, and given again it is another one.

const SMALLEST = 64;
const FACTOR = 16;

/** Values that lie over rows `first` to `last`, by their key. */
export class Spans {
  constructor() {
    this.known = new Map();
    this.levels = [];
  }

  /** Adds a value, or puts it elsewhere. */
  set(key, first, last, value) {
    this.delete(key);
    const [level, bin] = binOf(first, last);
    const span = { first, last, value };
    this.known.set(key, { level, bin });
    while (this.levels.length <= level) this.levels.push(new Map());
    const bins = this.levels[level];
    if (!bins.has(bin)) bins.set(bin, new Map());
    bins.get(bin).set(key, span);
  }

  /** Forgets a value; nothing happens when the key is not known. */
  delete(key) {
    const place = this.known.get(key);
    if (place === undefined) return;
    this.known.delete(key);
    const bins = this.levels[place.level];
    const bin = bins.get(place.bin);
    bin.delete(key);
    if (bin.size === 0) bins.delete(place.bin);
  }

  /** The values that have a row in `first` to `last`. */
  within(first, last) {
    const found = [];
    this.levels.forEach((bins, level) => {
      const size = SMALLEST * FACTOR ** level;
      for (let bin = Math.floor(first / size); bin <= Math.floor(last / size); bin += 1) {
        for (const span of bins.get(bin)?.values() ?? []) {
          if (span.first <= last && span.last >= first) found.push(span.value);
        }
      }
    });
    return found;
  }
}

function binOf(first, last) {
  let level = 0;
  let size = SMALLEST;
  while (Math.floor(first / size) !== Math.floor(last / size)) {
    level += 1;
    size *= FACTOR;
  }
  return [level, Math.floor(first / size)];
}
