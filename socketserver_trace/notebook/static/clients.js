// The clients of the live lab, each with what it can do and what was said.
//
// The law: a client is what Python says it is. Only what it can do just now can be clicked, and what is written in its
// field stays there whatever comes in meanwhile.

import { button, element, setAttribute, setText, showEach } from "./elements.js";
import { Card } from "./card.js";

const EMPTY = "No clients of this panel yet. Each one that you add moves by itself, so nothing here ever waits.";

/** The part of the panel with the clients. */
export class ClientsPanel {
  constructor(lab) {
    this.lab = lab;
    this.cards = new Map();
    this.list = element("div", { class: "cards" });
    this.empty = element(
      "p",
      { class: "hint" },
      EMPTY,
    );
    const add = (command) => () => this.command({ do: "add", ...command });
    this.buttons = [
      button("+ client", add({}), { kind: "strong" }),
      button("Ten clients at once", add({ count: 10 }), { title: "Ten clients that connect at the same moment" }),
    ];
    this.view = element(
      "div",
      { class: "clients" },
      element("div", { class: "adding" }, this.buttons),
      this.empty,
      this.list,
    );
  }

  /** Whether there is a server to talk to. */
  live(isLive) {
    for (const one of this.buttons) setAttribute(one, "disabled", !isLive);
    setText(this.empty, isLive ? EMPTY : "The server has stopped.");
  }

  /** Asks Python to do something with a client. */
  command(command) {
    this.lab.ask({ ask: "client", command });
  }

  /** Takes a message of the type `clients`. */
  take({ clients, news = {} }) {
    const names = new Set(clients.map((client) => client.name));
    for (const name of this.cards.keys()) if (!names.has(name)) this.cards.delete(name);
    const opens = clients.length <= 3;
    showEach(this.list, clients, {
      keyOf: (client) => client.name,
      make: (client) => this.makeCard(client, opens),
      update: (_view, client) => this.cards.get(client.name).show(client),
    });
    for (const [name, said] of Object.entries(news)) this.cards.get(name)?.hear(said);
    this.empty.hidden = clients.length > 0;
  }

  makeCard(client, opens) {
    const card = new Card(client.name, opens, (command) => this.command({ client: client.name, ...command }));
    this.cards.set(client.name, card);
    return card.view;
  }
}
