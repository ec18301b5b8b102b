/* The list of lessons with the learner's progress: done, begun, hints used, and which one comes next. */

import { element } from "./dom.js";

export async function showProgress(api) {
  const { progress } = await api.get("state");
  for (const lab of progress) {
    const link = [...document.querySelectorAll("article td a")].find((each) => each.pathname.endsWith(`/lessons/${lab.slug}/`));
    if (link === undefined) continue;
    const parts = [];
    if (lab.done) parts.push(["pass", "✔ Done"]);
    else if (lab.begun) parts.push(["begun", `◔ Begun: ${lab.passed} of ${lab.total}`]);
    if (lab.next) parts.push(["next", "▶ Next"]);
    if (lab.hints) parts.push(["hints", `${lab.hints} ${lab.hints === 1 ? "hint" : "hints"} used`]);
    if (lab.solved) parts.push(["hints", "solution seen"]);
    for (const [state, text] of parts) {
      link.parentElement.append(" ", element("span", { class: "dock-progress", "data-state": state, text }));
    }
  }
  const done = progress.filter((lab) => lab.done).length;
  const next = progress.find((lab) => lab.next);
  const title = document.querySelector("article h1");
  if (title === null) return;
  title.after(
    element("p", { class: "dock-path" },
      `You have done ${done} of ${progress.length} labs. `,
      next === undefined ? "That is all of them." : element("span", {}, "Next: ", element("a", { href: new URL(`${next.slug}/`, location.href).pathname, text: `${next.lab} ${next.title}` })),
    ),
  );
}
