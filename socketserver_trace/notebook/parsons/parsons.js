// Names that are put in order: on the left what there is to choose from, on the right the order so far.
//
// Each name can be dragged to its place. Whoever has no pointer has buttons on each name: Add, up, down, Remove; and the
// focus stays with the name that was moved. What was done is said in a live region.
//
// The law: the order is the model's. The page shows it, and asks for another one.

const SUPPRESS = { "data-lm-suppress-shortcuts": "true" }; // JupyterLab takes single keys for itself otherwise

function render({ model, el }) {
  const page = new Page(model, el);
  const changed = () => page.show();
  model.on("change:answer", changed);
  page.show();
  return () => model.off("change:answer", changed);
}

class Page {
  constructor(model, el) {
    this.model = model;
    this.choices = element("ol", { class: "choices", "aria-label": "To choose from" });
    this.order = element("ol", { class: "order", "aria-label": "Your order" });
    this.said = element("div", { class: "unseen", role: "status", "aria-live": "polite" });
    const columns = [column("To choose from", this.choices), column("Your order, the first on top", this.order)];
    const hint = element("p", {}, "Drag the names, or use their buttons. Not every name need be used.");
    const lists = element("div", { class: "lists" }, ...columns);
    const view = element("div", { class: "parsons", ...SUPPRESS }, element("h3", {}, model.get("title")), lists, hint);
    view.append(this.said);
    el.replaceChildren(view);
    for (const list of [this.choices, this.order]) this.receives(list);
  }

  get answer() {
    return [...this.model.get("answer")];
  }

  show() {
    const { answer } = this;
    const left = this.model.get("choices").filter((name) => !answer.includes(name));
    this.choices.replaceChildren(...left.map((name) => this.choice(name)));
    this.order.replaceChildren(...answer.map((name, place) => this.chosen(name, place, answer.length)));
  }

  choice(name) {
    return item(name, [], [button("Add", `Add ${name} to your order`, () => this.put(name, this.answer.length))]);
  }

  chosen(name, place, count) {
    const up = button("↑", `Move ${name} up`, () => this.put(name, place - 1, "↑"), place === 0);
    const down = button("↓", `Move ${name} down`, () => this.put(name, place + 1, "↓"), place === count - 1);
    const remove = button("Remove", `Remove ${name} from your order`, () => this.remove(name));
    return item(name, [element("span", { class: "place" }, `${place + 1}.`)], [up, down, remove]);
  }

  /** Puts a name at a place of the order, whether it was there before or not. */
  put(name, place, button = "↑") {
    const others = this.answer.filter((other) => other !== name);
    others.splice(place, 0, name);
    this.set(others, `${name} is number ${others.indexOf(name) + 1} of ${others.length}.`);
    this.focus(name, button);
  }

  remove(name) {
    const others = this.answer.filter((other) => other !== name);
    this.set(others, `${name} was removed.`);
    this.focus(name, "Add");
  }

  set(answer, words) {
    this.model.set("answer", answer);
    this.model.save_changes();
    this.show();
    this.said.textContent = words;
  }

  focus(name, text) {
    const found = [...this.choices.children, ...this.order.children].find((one) => one.dataset.name === name);
    const buttons = [...found.querySelectorAll("button:not(:disabled)")];
    (buttons.find((one) => one.textContent === text) ?? buttons[0]).focus();
  }

  receives(list) {
    list.addEventListener("dragover", (event) => {
      event.preventDefault();
      list.classList.add("over");
    });
    list.addEventListener("dragleave", () => list.classList.remove("over"));
    list.addEventListener("drop", (event) => {
      event.preventDefault();
      list.classList.remove("over");
      const name = event.dataTransfer.getData("text/plain");
      if (!this.model.get("choices").includes(name)) return;
      if (list === this.choices) this.remove(name);
      else this.put(name, this.placeAt(event.clientY, name));
    });
  }

  placeAt(height, name) {
    const others = [...this.order.children].filter((one) => one.dataset.name !== name);
    const above = (one) => one.getBoundingClientRect().top + one.offsetHeight / 2 < height;
    return others.filter(above).length;
  }
}

function column(title, list) {
  return element("div", {}, element("h4", {}, title), list);
}

function item(name, before, buttons) {
  const made = element("li", { draggable: "true", "data-name": name }, ...before, element("span", { class: "hook" }, name));
  made.append(...buttons);
  made.addEventListener("dragstart", (event) => event.dataTransfer.setData("text/plain", name));
  return made;
}

function button(text, name, act, disabled = false) {
  const made = element("button", { type: "button", "aria-label": name, title: name }, text);
  made.disabled = disabled;
  made.addEventListener("click", act);
  return made;
}

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export default { render };
