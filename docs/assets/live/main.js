/* Makes a page live: beside a lesson, the state of its lab; on the list of lessons, how far the learner is. */

import { Api } from "./api.js";
import { element } from "./dom.js";

const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

export async function start(code) {
  // A copy of the pages that is served to a room, or to everybody, has no labs behind it.
  if (!LOOPBACK.includes(location.hostname)) return;
  const api = new Api();
  if (!(await api.meet(code))) return;
  const lesson = /\/lessons\/(\d\d)-[a-z0-9-]+\/$/.exec(location.pathname);
  if (lesson !== null) {
    const { Lesson } = await import("./lesson.js");
    if (api.token) await new Lesson(api, lesson[1]).open();
    else closed(lesson[1], code);
  } else if (/\/lessons\/$/.test(location.pathname) && api.token) {
    const { showProgress } = await import("./lessons.js");
    await showProgress(api);
  }
  document.documentElement.dataset.dockLive = api.token ? "open" : "closed";
}

/* The service is there, but this page has not been given its key. */
function closed(lab, code) {
  const why = code
    ? "This address was used before, or is more than a minute old."
    : "This page can show the lab's checks and a terminal.";
  const title = document.querySelector("article h1");
  if (title === null) return;
  title.after(
    element(
      "aside",
      { class: "dock-closed", "aria-label": "The live page" },
      element("p", {}, `${why} Type `, element("code", { text: `lab open ${Number(lab)}` }), " in your own terminal to open it live."),
    ),
  );
}
