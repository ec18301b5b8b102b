/* Says what happened to those who listen to the page: one sentence, and never so many that one covers another. */

const COLLECT_MS = 800;

let waiting = null;
let latest = "";
let said = "";

export function say(text) {
  latest = text;
  if (waiting === null) waiting = setTimeout(speak, COLLECT_MS);
}

function speak() {
  waiting = null;
  const place = document.getElementById("dock-announcer");
  if (place === null) return;
  said = latest;
  // The same words again would be no change, and a screen reader would not read them.
  place.textContent = place.textContent === latest ? `${latest}\u00a0` : latest;
}

export function again() {
  if (said) say(said);
}
