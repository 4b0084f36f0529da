// The player: a finished trace in the lab, without Python.
//
// What Python would answer lies in the page as JSON, compressed where it is large: the scene in both orders, and the
// stories, whose equal parts are kept once. The port of the player answers from there.
//
// The law: nothing is fetched, and the data is parsed and never run.

import { element } from "./elements.js";
import { mount } from "./lab.js";

const PLACE = "socketserver-trace-player";

/** Puts a player in the place of each figure of this page that has data beside it and is not played yet. */
export async function playAll(page = document) {
  for (const place of page.querySelectorAll(`.${PLACE}:not([data-played])`)) await playOne(place);
}

/** Puts a player in the place of one figure that has data beside it. */
export async function playOne(place) {
  place.dataset.played = "";
  const data = await readData(place.querySelector("script[type='application/json']"));
  play(place, { ...data, isAlone: place.dataset.alone !== undefined });
}

/** Puts a player with `data` into a place, before the figure, which stays for printing. Returns what takes it away. */
export function play(place, data) {
  const host = element("div", { class: `${PLACE}-host` });
  place.prepend(host);
  return mount(host, portOf(data));
}

async function readData(holder) {
  const text = holder.textContent;
  if (holder.dataset.packed === undefined) return JSON.parse(text);
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

/** A port that answers from data. */
export function portOf({ scenes, order, stories, note, isAlone = false }) {
  let hear = () => {};
  let shown = order;
  const answers = {
    ready: () => ({ type: "scene", reset: true, first: 0, ...scenes[shown], order: shown }),
    order: (wish) => {
      shown = Object.hasOwn(scenes, wish.order) ? wish.order : shown;
      return answers.ready();
    },
    story: ({ event, row }) => ({ type: "story", event, row, story: storyOf(stories, shown, event) }),
  };
  const answer = (wish) => hear(answers[wish.ask]?.(wish) ?? {});
  return {
    isPlayer: true,
    isAlone,
    note,
    send: (wish) => queueMicrotask(() => answer(wish)),
    listen(callback) {
      hear = callback;
      return () => {
        hear = () => {};
      };
    },
  };
}

/** The story of an event in an order, or null when there is none. What many stories have stands in `parts`. */
function storyOf({ stories, parts, known }, order, event) {
  const place = known[order]?.[event];
  if (place === undefined) return null;
  const { own, shared } = stories[place];
  return { ...own, ...Object.fromEntries(Object.entries(shared).map(([name, part]) => [name, parts[part]])) };
}
