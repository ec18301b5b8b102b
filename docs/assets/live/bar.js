/* The bar at the foot of a lesson: the lab's state at a glance wherever the page is scrolled to, and the terminal. */

import { button, element } from "./dom.js";

export class Bar {
  constructor(lesson) {
    this.lesson = lesson;
    this.terminal = null;
  }

  place() {
    this.state = element("span", { class: "dock-bar-state" });
    this.toggle = button("Terminal", () => (this.isOpen ? this.closeTerminal() : this.openTerminal(true)), {
      class: "dock-button",
      "aria-expanded": "false",
      "aria-controls": "dock-terminal",
    });
    this.panel = element("div", { id: "dock-terminal", class: "dock-terminal", hidden: true });
    this.root = element(
      "section",
      { class: "dock-bar", "aria-label": `Lab ${this.lesson.lab}` },
      element("div", { class: "dock-bar-row" }, this.state, this.toggle),
      this.panel,
    );
    document.body.append(this.root);
    this.show();
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  show() {
    const { known } = this.lesson;
    const goals = [...known.checks.values()].filter((check) => check.kind !== "guard");
    const passed = goals.filter((check) => check.state === "pass").length;
    const words = { absent: "not started", starting: "starting", ready: "running", broken: "needs attention", stopping: "stopping" };
    const text = `Lab ${this.lesson.lab}: ${words[known.phase.phase]}, ${passed} of ${goals.length}`;
    if (this.state.textContent !== text) this.state.textContent = text;
    if (this.terminal !== null) this.terminal.phase(known.phase.phase);
  }

  async openTerminal(enter) {
    this.panel.hidden = false;
    this.toggle.setAttribute("aria-expanded", "true");
    this.toggle.textContent = "Hide the terminal";
    document.body.classList.add("dock-open");
    if (this.terminal === null) {
      const { Terminal } = await import("./terminal.js");
      this.terminal = new Terminal(this.lesson, this.panel);
      await this.terminal.open();
    } else this.terminal.fit();
    if (enter) this.terminal.enter();
  }

  closeTerminal() {
    this.panel.hidden = true;
    this.toggle.setAttribute("aria-expanded", "false");
    this.toggle.textContent = "Terminal";
    document.body.classList.remove("dock-open");
  }
}
