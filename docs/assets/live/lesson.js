/* One lesson's page with its lab: keeps what is known, and lets the rail, the bar, the blocks and the terminal show it. */

import { say } from "./announce.js";
import { Bar } from "./bar.js";
import { Blocks } from "./blocks.js";
import { Rail } from "./rail.js";
import { Traffic } from "./traffic.js";

export class Lesson {
  constructor(api, lab) {
    this.api = api;
    this.lab = lab;
    this.known = { phase: { phase: "absent", text: "" }, checks: new Map(), verdict: { passed: 0, total: 0, said: "", done: false }, first: "", op: {}, trying: "" };
    this.connection = { live: true, since: null };
    this.rail = new Rail(this);
    this.bar = new Bar(this);
    this.blocks = new Blocks(this);
    this.traffic = new Traffic(this);
  }

  async open() {
    this.rail.place();
    this.bar.place();
    const placed = this.blocks.place();
    this.api.listen(this.lab, {
      fresh: async (seen) => {
        const state = await this.api.get(`state?lab=${this.lab}`);
        this.take(state.labs[0]);
        seen(`${state.run}-${state.seq}`);
      },
      event: (kind, data) => this.hear(kind, data),
      live: () => {
        this.connect(true);
        this.blocks.place();
      },
      lost: (failures) => this.connect(failures < 3),
    });
    await placed;
  }

  take(state) {
    const known = this.known;
    known.title = state.title;
    known.phase = state.phase;
    known.checks = new Map(state.checks.map((check) => [check.id, check]));
    known.steps = state.steps;
    known.verdict = state.verdict;
    known.first = state.first;
    known.op = state.op;
    this.show();
  }

  hear(kind, data) {
    const known = this.known;
    if (data.lab !== undefined && data.lab !== this.lab) return;
    if (kind === "phase") known.phase = data;
    else if (kind === "check") known.checks.set(data.id, data);
    else if (kind === "trying") known.trying = data.title;
    else if (kind === "hint") this.rail.addHint(data);
    else if (kind === "op") {
      known.op = data;
      if (data.state === "failed" && data.kind !== "check") say(`Lab ${Number(this.lab)}: ${data.reason}`);
    } else if (kind === "verdict") {
      known.verdict = data;
      known.first = data.first || "";
      if (data.ids) known.checks = new Map(data.ids.filter((id) => known.checks.has(id)).map((id) => [id, known.checks.get(id)]));
      if ((data.asked || data.flipped) && data.said) say(data.said);
    }
    this.show();
  }

  connect(live) {
    const now = this.connection;
    if (live === now.live) return;
    this.connection = { live, since: live ? null : new Date() };
    if (!live) say("This page is not live any more.");
    this.show();
  }

  show() {
    this.rail.show();
    this.bar.show();
    this.traffic.show();
  }

  get isBusy() {
    return ["queued", "running"].includes(this.known.op.state);
  }

  /* Asks for an operation; what becomes of it comes as events. */
  async operate(kind, body = {}) {
    try {
      this.known.op = { kind, state: "queued" };
      this.show();
      await this.api.post(`labs/${this.lab}/${kind}`, body);
    } catch (problem) {
      this.known.op = { kind, state: "failed", reason: problem.message };
      say(problem.message);
      this.show();
    }
  }

  async hint() {
    try {
      const found = await this.api.post(`labs/${this.lab}/hint`);
      if (!found.id) this.rail.addHint(found);
      say(found.text);
    } catch (problem) {
      say(problem.message);
    }
  }

  /* Opens the terminal, and runs a block of the lesson in it: the service looks up what the block says. */
  async run(block) {
    await this.bar.openTerminal(false);
    await this.api.post(`labs/${this.lab}/run`, { block: block.id, digest: block.digest });
  }
}
