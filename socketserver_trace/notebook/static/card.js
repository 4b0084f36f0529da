// One client: its state, a field for what it sends, its buttons, and its transcript.
//
// The law: a card is made once for a client and shows what is said of it; its field belongs to whoever writes in it.

import { SUPPRESS, button, element, setAttribute, setText } from "./elements.js";
import { tick } from "./menus.js";

const ACTIONS = [
  ["receive", "Receive"],
  ["receive_line", "Receive line"],
  ["half_close", "Half-close"],
  ["close", "Close"],
  ["reset", "Reset"],
  ["remove", "Remove"],
];
const KEPT = 1000;

/** The card of a client. `act` is called with what it is to do. */
export class Card {
  constructor(name, opens, act) {
    this.name = name;
    this.act = act;
    this.opener = button("", () => this.open(this.body.hidden), { kind: "opener", "aria-expanded": String(opens) });
    this.dot = element("span", { class: "dot", "aria-hidden": "true" });
    this.state = element("span", { class: "state" });
    this.opener.append(this.dot, element("strong", {}, name), this.state);
    this.connect = button("Connect", () => act({ do: "connect" }), { kind: "strong small", title: `Connect ${name}` });
    const head = element("div", { class: "card-head" }, this.opener, this.connect);
    this.body = element(
      "div",
      { class: "card-body", hidden: !opens },
      this.sender(),
      this.actions(),
      this.transcript(),
    );
    this.view = element("section", { class: "card", "aria-label": name }, head, this.body);
  }

  open(wanted) {
    this.body.hidden = !wanted;
    setAttribute(this.opener, "aria-expanded", String(wanted));
  }

  sender() {
    const writes = {
      "aria-label": `What ${this.name} sends`,
      placeholder: "what to send; \\n ends a line",
      spellcheck: "false",
      autocomplete: "off",
    };
    this.field = element("input", { type: "text", class: "field code-field", ...writes, ...SUPPRESS });
    const options = [element("option", { value: "text" }, "text"), element("option", { value: "hex" }, "hex")];
    this.form = element("select", { "aria-label": "How it is written", ...SUPPRESS }, options);
    this.send = element("button", { type: "submit", class: "button", ...SUPPRESS }, "Send");
    this.pieces = tick("in pieces, split at |", (checked) => (this.pause.hidden = !checked));
    this.seconds = element("input", {
      type: "number",
      class: "field narrow",
      min: 0,
      max: 10,
      step: 0.1,
      value: 0.2,
      ...SUPPRESS,
    });
    this.pause = element("label", { class: "of", hidden: true }, "seconds between", this.seconds);
    const line = element("div", { class: "send-line" }, this.field, this.form, this.send);
    const submit = (event) => this.sent(event);
    return element("form", { submit }, line, element("div", { class: "piece-line" }, this.pieces.view, this.pause));
  }

  sent(event) {
    event.preventDefault();
    const text = this.field.value;
    if (text === "" && this.kind !== "datagram") return this.field.focus();
    const what = this.pieces.box.checked ? { pieces: text.split("|"), pause: Number(this.seconds.value) } : { text };
    this.act({ do: "send", ...what, as: this.form.value });
  }

  actions() {
    this.buttons = new Map(
      ACTIONS.map(([name, words]) => [name, button(words, () => this.act({ do: name }), { kind: "small" })]),
    );
    return element("div", { class: "actions" }, ...this.buttons.values());
  }

  transcript() {
    this.said = element("ol", {
      class: "said",
      tabindex: 0,
      "aria-label": `What ${this.name} and the server said`,
      ...SUPPRESS,
    });
    this.total = element("summary", SUPPRESS, "Transcript");
    this.details = element("details", { class: "transcript" }, this.total, this.said);
    this.known = 0;
    return this.details;
  }

  /** Shows what is said of the client. */
  show({ state, busy, can, said, kind }) {
    this.kind = kind;
    setAttribute(this.view, "data-state", state);
    setText(this.state, [state, kind === "datagram" && "datagrams", busy].filter(Boolean).join(" · "));
    const may = new Set(can);
    for (const [name, one] of this.buttons) setAttribute(one, "disabled", !may.has(name));
    setAttribute(this.send, "disabled", !may.has("send"));
    this.connect.hidden = !may.has("connect");
    setText(this.total, said ? `Transcript (${said})` : "Transcript");
  }

  /** Takes what was said since. Entries that were let go meanwhile are missing, and those that are known come once. */
  hear({ entries }) {
    const fresh = entries.filter((entry) => entry.n >= this.known);
    this.said.append(...fresh.map(saidLine));
    while (this.said.children.length > KEPT) this.said.firstChild.remove();
    if (fresh.length > 0) {
      this.known = fresh.at(-1).n + 1;
      this.details.open = this.details.open || this.known === fresh.length;
    }
    this.said.scrollTop = this.said.scrollHeight;
  }
}

function saidLine({ who, text, size }) {
  const more = who !== "note" && size !== undefined && size !== null ? element("small", {}, ` ${size} B`) : null;
  const arrow = who === "note" ? "" : who === "server" ? "← " : "→ ";
  return element(
    "li",
    { class: who === "note" ? "note" : "" },
    element("b", {}, `${arrow}${who}`),
    " ",
    element("span", {}, text),
    more,
  );
}
