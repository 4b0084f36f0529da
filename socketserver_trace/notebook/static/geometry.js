// Where everything stands, in pixels of a drawing that is not zoomed.
//
// From left to right it is the static drawing (paint/svg.py): a column is as wide as its head and the texts to its
// right, with a margin more where a box begins. A folded column is narrow, and the room for a text between two others
// is made again where it stood in columns that are folded now. From top to bottom rows stand at even distances, or at
// distances that grow with the time between them, up to a limit, and never backwards.
//
// The law: pure numbers, from the scene and the sheet alone.

import { MOST_COLUMNS } from "./scene.js";
import { FOLDED, HIDDEN } from "./sheet.js";

export const ROW = 34;
export const LINE = 14;
export const BAR = 10;
export const SHIFT = 6;
export const LOOP = 17;
export const LEFT = 20;
const GUTTER = 44;
export const MARGIN = 12;
export const HEAD_TOP = 34;
export const HEAD = 42;
export const HEADS = 88;
export const CHARACTER = 7.3;

const NARROW = 13;

/** The places of columns and boxes. */
export class Geometry {
  constructor(scene, sheet) {
    this.scene = scene;
    this.sheet = sheet;
    this.update();
  }

  /** Reckons all places again. As long as everything stands where it stood, `places` is the same object. */
  update() {
    const former = this.places;
    this.reckon();
    if (former && JSON.stringify([...former]) === JSON.stringify([...this.places])) this.places = former;
  }

  reckon() {
    const columns = this.scene.placed.filter((column) => this.sheet.state(column.lane) !== HIDDEN);
    const rooms = this.rooms(columns);
    const begins = new Set(this.scene.groups.map((group) => this.firstShown(group)?.number));
    this.places = new Map();
    this.gutter = gutterOf(this.scene.total);
    let edge = this.gutter - MARGIN;
    for (const column of columns) {
      const folded = this.sheet.state(column.lane) === FOLDED;
      const half = folded ? NARROW : halfHead(column);
      edge += begins.has(column.number) ? 2 * MARGIN : folded ? 0 : 8;
      const x = edge + half;
      edge = x + Math.max(half + (folded ? 3 : MARGIN), BAR + rooms.get(column.number) * CHARACTER + MARGIN);
      this.places.set(column.number, { x, half, end: edge, folded });
    }
    this.boxes = this.scene.groups.map((group) => this.box(group)).filter((box) => box !== null);
    this.width = Math.round(Math.max(this.gutter + 80, edge) + MARGIN);
  }

  /** The middle of a column, or undefined when it is hidden. */
  x(column) {
    return this.places.get(column)?.x;
  }

  /** Where a line meets a column: at the edge of the bar that lies on top, or at the lifeline itself. */
  edge(column, depth, way = 1) {
    const x = this.x(column);
    if (!depth) return x;
    return x + (way === 1 ? (depth - 1) * SHIFT : 0) + (way * BAR) / 2;
  }

  /** How many characters of room each column needs to its right. */
  rooms(columns) {
    const order = new Map(columns.map((column, place) => [column.number, place]));
    const rooms = columns.map((column) => (this.sheet.state(column.lane) === FOLDED ? 0 : column.room));
    if (this.sheet.states.size > 0) {
      for (const [key, characters] of this.scene.widths) {
        const pair = [Math.floor(key / MOST_COLUMNS), key % MOST_COLUMNS];
        makeRoom(
          rooms,
          pair.map((number) => order.get(number)),
          characters + 4,
        );
      }
    }
    return new Map(columns.map((column, place) => [column.number, rooms[place]]));
  }

  box(group) {
    const shown = this.shownOf(group);
    if (shown.length === 0) return null;
    const [first, last] = [this.places.get(shown[0].number), this.places.get(shown.at(-1).number)];
    const folded = shown.every((column) => this.sheet.state(column.lane) === FOLDED);
    return { title: group.title, kind: group.kind, left: first.x - first.half - MARGIN, right: last.end, folded };
  }

  shownOf(group) {
    const columns = this.scene.placed.slice(group.first, group.last + 1);
    return columns.filter((column) => this.sheet.state(column.lane) !== HIDDEN);
  }

  firstShown(group) {
    return this.shownOf(group)[0];
  }
}

/** How much room the numbers of so many rows need at the left. */
export function gutterOf(rows) {
  return GUTTER + 7 * Math.max(0, String(rows).length - 4);
}

function halfHead(column) {
  return Math.max(64, column.title.length * 8.4 + 22, column.subtitle.length * 6.2 + 20) / 2;
}

/** Widens the last column between two places, so that so many characters fit between their lifelines. */
function makeRoom(rooms, places, characters) {
  if (places.includes(undefined)) return;
  const [first, last] = places.sort((one, other) => one - other);
  const missing = characters - rooms.slice(first, last).reduce((sum, room) => sum + room, 0);
  if (last > first && missing > 0) rooms[last - 1] += missing;
}

/** A number held between two others. */
export function clamp(value, least, most) {
  return Math.max(least, Math.min(most, value));
}
