// Making elements, of HTML and of SVG.
//
// The law: a text becomes a text node or the value of an attribute, never markup. Whatever a peer, a program or a trace
// says passes through here, and nothing else makes elements.

const VECTOR = "http://www.w3.org/2000/svg";

/**
 * An HTML element. A property of `attributes` that is a function listens to the event of its name; true stands for an
 * attribute without a value; false, null and undefined are left out. Children are elements or texts.
 */
export function element(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

/** The same for an SVG element. */
export function shape(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(VECTOR, tag), attributes, children);
}

function furnish(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) made.append(child);
  }
  return made;
}

/** Gives an element an attribute, takes it away (false, null, undefined), or listens (a function). */
export function setAttribute(made, name, value) {
  if (typeof value === "function") made.addEventListener(name, value);
  else if (value === false || value === null || value === undefined) made.removeAttribute(name);
  else if (made.getAttribute(name) !== String(value)) made.setAttribute(name, value === true ? "" : String(value));
}

/** Shows a text in an element, and touches the page only when it is another one. */
export function setText(made, text) {
  if (made.textContent !== text) made.textContent = text;
}

/**
 * A button with a visible text, which JupyterLab leaves its keys. `name` is what it is called when the text is a sign.
 */
export function button(text, act, { name = null, kind = "", ...attributes } = {}) {
  const names = { "aria-label": name, title: name, class: `button ${kind}`.trim(), ...SUPPRESS };
  return element("button", { type: "button", click: act, ...names, ...attributes }, text);
}

/** JupyterLab takes single keys for itself, unless the element that has the focus says this. */
export const SUPPRESS = { "data-lm-suppress-shortcuts": "true" };

/**
 * Shows a list of things in `container`, one element for each. An element whose key is still there is kept, so that a
 * focus, a click that has begun and a text that is being written survive what comes in meanwhile.
 */
export function showEach(container, things, { keyOf, make, update = () => {} }) {
  const former = new Map([...container.children].map((child) => [child.dataset.key, child]));
  things.forEach((thing, place) => {
    const key = String(keyOf(thing));
    const shown = former.get(key) ?? make(thing);
    former.delete(key);
    shown.dataset.key = key;
    update(shown, thing);
    if (container.children[place] !== shown) container.insertBefore(shown, container.children[place] ?? null);
  });
  for (const gone of former.values()) gone.remove();
}

/** A function that calls `act` in the next frame, once however often it is called before. */
export function inNextFrame(act) {
  let asked = 0;
  const ask = () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      act();
    });
  };
  ask.cancel = () => cancelAnimationFrame(asked);
  return ask;
}
