// Drawings that can be walked along: a button below each opens the player in its place, in the theme of the page.
//
// A page is opened from a disk as well, where modules cannot be loaded, so player.js is a plain script that leaves
// `SocketserverTrace`.

const HERE = ".socketserver-trace-player:not([data-played])";

/** Gives each drawing of the page its button; one that plays at once needs none. */
function offer(page) {
  for (const place of page.querySelectorAll(HERE)) {
    if (place.dataset.atOnce !== undefined) continue;
    const button = document.createElement("button");
    button.className = "walk";
    button.type = "button";
    button.textContent = "▸ Walk along";
    button.addEventListener("click", () => SocketserverTrace.playOne(place));
    place.append(button);
  }
  for (const place of page.querySelectorAll(`${HERE}[data-at-once]`)) SocketserverTrace.playOne(place);
}

/** Tells the players which theme the reader has chosen, in the words of JupyterLab, which they know. */
function follow(body) {
  const update = () => {
    const { theme } = body.dataset;
    if (theme === "light" || theme === "dark") body.dataset.jpThemeLight = String(theme === "light");
    else delete body.dataset.jpThemeLight;
  };
  new MutationObserver(update).observe(body, { attributes: true, attributeFilter: ["data-theme"] });
  update();
}

follow(document.body);
offer(document);
