import { STYLE } from "./style.js";
import { element } from "./elements.js";

/**
 * Puts the lab into a host. `port` is {send(message), listen(callback) -> forget}. Returns what takes it away again.
 */
export function mount(host, port) {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const list = element("ol", {});
  root.replaceChildren(element("style", {}, STYLE), list);
  host.setAttribute("data-lm-suppress-shortcuts", "true");
  const forget = port.listen((message) => {
    if (message.type === "scene") for (const row of message.rows) list.append(element("li", {}, row[5]));
  });
  port.send({ ask: "ready" });
  return () => {
    forget();
    root.replaceChildren();
  };
}
