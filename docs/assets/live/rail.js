/* The rail beside a lesson: the state of its lab, every check, what to look at first, hints, and the buttons. */

import { again, say } from "./announce.js";
import { busy, button, element } from "./dom.js";

const PHASES = {
  absent: ["○", "Not started"],
  starting: ["◔", "Starting"],
  ready: ["●", "Running"],
  broken: ["▲", "Needs attention"],
  stopping: ["◔", "Stopping"],
};
const STATES = {
  pass: ["✔", "Passed"],
  fail: ["✘", "Failed"],
  error: ["▲", "Could not run"],
  skipped: ["–", "Waits"],
  unknown: ["○", "Not judged"],
};
const BESIDE = "(min-width: 60em)";

export class Rail {
  constructor(lesson) {
    this.lesson = lesson;
    this.hints = [];
    this.confirming = false;
    this.shown = "";
  }

  place() {
    const operate = (kind) => () => this.lesson.operate(kind);
    this.title = element("h2", { id: "dock-rail-title", class: "dock-rail-title" });
    this.phase = element("p", { class: "dock-phase" });
    this.count = element("p", { class: "dock-count" });
    this.lost = element("p", { class: "dock-lost", hidden: true });
    this.start = button("Start", operate("start"), { class: "dock-button dock-button-main" });
    this.check = button("Check", operate("check"), { class: "dock-button dock-button-main" });
    this.stop = button("Stop", operate("stop"), { class: "dock-button" });
    this.reset = button("Reset…", () => this.ask(true), { class: "dock-button" });
    this.hint = button("Hint", () => this.lesson.hint(), { class: "dock-button" });
    this.read = button("Read status", () => this.readStatus(), { class: "dock-button" });
    this.sure = element(
      "div",
      { class: "dock-sure", role: "group", "aria-label": "Reset the lab", hidden: true },
      element("p", { text: "Reset sets your files of this lab aside, and removes its containers." }),
      button("Reset it", () => {
        this.ask(false);
        this.hints = [];
        this.lesson.operate("reset", { confirm: this.lesson.lab });
      }, { class: "dock-button dock-button-main" }),
      button("Keep it", () => this.ask(false), { class: "dock-button" }),
    );
    this.list = element("ol", { class: "dock-checks", "aria-label": "Checks" });
    this.first = element("div", { class: "dock-first", hidden: true });
    this.hintList = element("ol", { class: "dock-hints", "aria-label": "Hints", hidden: true });
    this.root = element(
      "section",
      { class: "dock-rail", "aria-labelledby": "dock-rail-title" },
      this.title,
      this.phase,
      this.lost,
      this.count,
      element("div", { class: "dock-buttons-row" }, this.start, this.check, this.hint, this.reset, this.stop, this.read),
      this.sure,
      this.first,
      this.hintList,
      this.list,
      this.lesson.traffic.place(),
    );
    const wide = matchMedia(BESIDE);
    const put = () => {
      const beside = document.querySelector(".md-sidebar--secondary .md-sidebar__inner");
      const title = document.querySelector("article h1");
      if (wide.matches && beside !== null) beside.prepend(this.root);
      else if (title !== null) title.after(this.root);
    };
    wide.addEventListener("change", put);
    put();
    document.body.classList.add("dock-live");
    this.show();
  }

  ask(open) {
    this.confirming = open;
    this.sure.hidden = !open;
    this.reset.setAttribute("aria-expanded", String(open));
    // Where the question was answered, the focus would fall out of the page.
    (open ? this.sure.querySelector("button") : this.reset).focus();
  }

  readStatus() {
    const { verdict, phase } = this.lesson.known;
    if (verdict.said) say(verdict.said);
    else say(`Lab ${Number(this.lesson.lab)}: ${PHASES[phase.phase][1]}.`);
  }

  readAgain() {
    again();
  }

  show() {
    const { known, connection, isBusy } = this.lesson;
    const [shape, word] = PHASES[known.phase.phase] || PHASES.absent;
    this.title.textContent = `Lab ${this.lesson.lab}`;
    this.phase.dataset.phase = known.phase.phase;
    fill(this.phase, [mark(shape), element("span", { text: word })], known.phase.text);
    this.lost.hidden = connection.live;
    if (!connection.live) {
      const at = connection.since.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
      this.lost.textContent = `Not live since ${at}. In your own terminal: lab check ${Number(this.lesson.lab)}`;
    }
    const goals = [...known.checks.values()].filter((check) => check.kind !== "guard");
    const passed = goals.filter((check) => check.state === "pass").length;
    this.count.textContent = known.trying ? `Trying: ${known.trying}` : `${passed} of ${goals.length}`;
    this.count.classList.toggle("dock-done", known.verdict.done);

    const running = isBusy ? known.op.kind : "";
    const there = known.phase.phase !== "absent";
    this.start.hidden = known.phase.phase === "ready" && running !== "start";
    this.check.hidden = !there && running !== "check";
    this.stop.hidden = !there && running !== "stop";
    this.reset.hidden = !there && running !== "reset";
    this.hint.hidden = !goals.some((check) => check.state === "fail");
    busy(this.start, running === "start" ? "Starting…" : "Start", Boolean(running));
    busy(this.check, running === "check" ? "Checking…" : "Check", Boolean(running));
    busy(this.stop, running === "stop" ? "Stopping…" : "Stop", Boolean(running));
    busy(this.reset, running === "reset" ? "Resetting…" : "Reset…", Boolean(running));
    this.showChecks();
    this.showFirst();
  }

  showChecks() {
    const checks = [...this.lesson.known.checks.values()].filter((check) => check.kind !== "guard" || check.state !== "pass");
    const now = JSON.stringify(this.lesson.known.steps || []) + JSON.stringify(checks.map((check) => [check.id, check.state, check.title, told(check)]));
    if (now === this.shown) return;
    this.shown = now;
    if (checks.every((check) => !check.title)) {
      // Nothing was judged yet: what there is to do, instead of the checks' short names.
      const steps = this.lesson.known.steps || [];
      this.list.replaceChildren(
        ...steps.map((title, number) => element("li", { "data-state": "unknown" }, mark("○"), element("span", { class: "dock-word", text: `Step ${number + 1}: ` }), title)),
      );
      return;
    }
    this.list.replaceChildren(
      ...checks.map((check) => {
        const [shape, word] = STATES[check.state] || STATES.unknown;
        const reason = `dock-reason-${check.id}`;
        const why = (check.waits || ["fail", "error"].includes(check.state)) && check.reason ? told(check) : "";
        return element(
          "li",
          { "data-state": check.state, "data-check": check.id, "aria-describedby": why ? reason : false },
          mark(shape),
          element("span", { class: "dock-word", text: `${word}: ` }),
          element("span", { class: "dock-name", text: check.title || check.id }),
          why && check.id !== this.lesson.known.first ? element("span", { id: reason, class: "dock-why", text: why }) : null,
        );
      }),
    );
  }

  showFirst() {
    const check = this.lesson.known.checks.get(this.lesson.known.first);
    const problem = this.problem();
    this.first.hidden = check === undefined && !problem;
    if (problem) {
      this.first.replaceChildren(element("p", { class: "dock-reason", text: problem }));
      return;
    }
    if (check === undefined) return;
    const facts = [["Expected", check.expected], ["Seen", check.actual], ["Shown by", check.source]].filter(([, text]) => text);
    this.first.replaceChildren(
      element("h3", { class: "dock-first-title", text: check.title }),
      element("p", { class: "dock-reason", id: `dock-reason-${check.id}`, text: told(check) }),
      element("dl", {}, ...facts.flatMap(([name, text]) => [element("dt", { text: name }), element("dd", { text })])),
      check.evidence ? element("pre", { class: "dock-evidence", tabindex: "0", role: "group", "aria-label": "Evidence" }, element("code", { text: check.evidence })) : "",
      check.look ? element("p", { class: "dock-look", text: check.look }) : "",
    );
  }

  problem() {
    const { op, verdict, checks } = this.lesson.known;
    if (op.state === "failed") return op.reason;
    return [...checks.values()].some((check) => check.state !== "unknown") ? "" : verdict.said;
  }

  addHint(hint) {
    if (this.hints.some((each) => each.text === hint.text)) return;
    this.hints.push(hint);
    this.hintList.hidden = false;
    const head = hint.rungs > 1 ? `Hint ${hint.rung} of ${hint.rungs}: ` : "";
    this.hintList.append(element("li", {}, element("strong", { text: head }), hint.text));
  }
}

/* A check that breaks something runs only when it is asked for, so what it said then is shown until it is asked for again. */
function told(check) {
  return check.kept ? `When you last pressed Check: ${check.reason}` : check.reason;
}

function mark(shape) {
  return element("span", { class: "dock-mark", "aria-hidden": "true", text: shape });
}

function fill(place, parts, text) {
  place.replaceChildren(...parts);
  if (text) place.append(element("span", { class: "dock-text", text }));
}
