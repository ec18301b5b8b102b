/* A button beside each command of the lesson that can be run here. It carries the block's place and digest, no command. */

import { say } from "./announce.js";
import { button, element } from "./dom.js";

const VERBS = { start: "Start the lab here", check: "Check here", stop: "Stop the lab here", hint: "Hint here", shell: "Open the terminal here" };

async function digestOf(text) {
  const made = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text.replace(/\n+$/, "")));
  return [...new Uint8Array(made)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Blocks {
  constructor(lesson) {
    this.lesson = lesson;
    this.marks = new Map();
    this.placed = false;
  }

  /* Puts the buttons there, once. A question that was lost is asked again when the page is live. */
  async place() {
    let known = null;
    try {
      if (!this.placed) known = await this.lesson.api.get(`labs/${this.lesson.lab}/blocks`);
    } catch {
      return;
    }
    if (this.placed) return;
    this.placed = true;
    const shown = [...document.querySelectorAll("article div.highlight:not(.output, .printed)")];
    const digests = await Promise.all(shown.map((each) => digestOf(each.querySelector("pre > code")?.textContent ?? "")));
    let next = 0;
    shown.forEach((place, number) => {
      // In the order of the page: the same command may stand there twice.
      const at = known.findIndex((block, index) => index >= next && block.digest === digests[number]);
      if (at < 0) return;
      next = at + 1;
      if (known[at].run || VERBS[known[at].verb]) this.equip(place, known[at]);
    });
  }

  equip(place, block) {
    const first = (place.querySelector("pre > code")?.textContent ?? "").trim().split("\n")[0];
    const said = element("span", { class: "dock-ran" });
    const text = VERBS[block.verb] || "Run";
    const pressed = button(text, () => this.press(block, pressed, said), {
      class: "dock-run",
      "aria-label": block.verb ? `${text}: ${first}` : `Run in the terminal: ${first}`,
    });
    this.marks.set(block.id, said);
    place.append(element("div", { class: "dock-run-row" }, pressed, said));
  }

  async press(block, pressed, said) {
    if (block.verb === "shell") {
      await this.lesson.bar.openTerminal(true);
      return;
    }
    if (block.verb === "hint") {
      await this.lesson.hint();
      return;
    }
    if (block.verb) {
      await this.lesson.operate(block.verb);
      return;
    }
    // Before it is asked for: a quick command has ended, and was told of, when the answer comes.
    said.dataset.state = "typed";
    said.textContent = "… typed in the terminal";
    try {
      await this.lesson.run(block);
    } catch (problem) {
      said.dataset.state = "fail";
      said.textContent = problem.message;
      say(problem.message);
    }
  }

  ran(id, status, old) {
    const said = this.marks.get(id);
    if (said === undefined) return;
    said.dataset.state = status === 0 ? "pass" : "fail";
    said.textContent = status === 0 ? "✔ Run" : `✘ Run, exit status ${status}`;
    if (!old) say(status === 0 ? "The command has ended." : `The command has ended with exit status ${status}.`);
  }
}
