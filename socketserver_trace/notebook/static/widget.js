// The entry for anywidget: the lab in the view of a widget, which talks to Python by the widget's messages.
//
// The law: it keeps nothing. Each view asks for everything when it is drawn, because what was sent before is lost.

import { mount } from "./lab.js";

function render({ model, el }) {
  const host = document.createElement("div");
  host.className = "socketserver-trace-lab";
  el.append(host);
  return mount(host, {
    send: (message) => model.send(message),
    listen(callback) {
      model.on("msg:custom", callback);
      return () => model.off("msg:custom", callback);
    },
  });
}

export default { render };
