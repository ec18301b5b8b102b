/* The timeline of a lab with traffic: what its users got in the last minute and a half, drawn while a rollout goes on. */

import { element } from "./dom.js";

const EVERY_MS = 2000;
const WIDTH = 360;
const HEIGHT = 90;
const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export class Traffic {
  constructor(lesson) {
    this.lesson = lesson;
    this.known = null;
    this.timer = null;
  }

  place() {
    this.pictures = element("div", {});
    this.root = element("details", { class: "dock-traffic", hidden: true, on: { toggle: () => this.next(0) } },
      element("summary", { text: "Traffic" }), this.pictures);
    document.addEventListener("visibilitychange", () => this.next(0));
    return this.root;
  }

  /* Finds out once whether the lab has traffic; a lab that has not started may have other ways chosen later. */
  async show() {
    const ready = this.lesson.known.phase.phase === "ready";
    if (!ready) this.known = null;
    if (ready && this.known === null) {
      this.known = false;
      await this.draw();
    }
    this.root.hidden = !ready || this.known !== true;
    if (!this.root.hidden) this.next(EVERY_MS);
  }

  next(wait) {
    if (!this.root.open || document.hidden || this.root.hidden) {
      clearTimeout(this.timer);
      this.timer = null;
    } else if (this.timer === null || wait === 0) {
      clearTimeout(this.timer);
      this.timer = setTimeout(async () => {
        await this.draw();
        this.timer = null;
        this.next(EVERY_MS);
      }, wait);
    }
  }

  async draw() {
    try {
      const { traffics } = await this.lesson.api.get(`labs/${this.lesson.lab}/timeline`);
      this.known = traffics.length > 0;
      this.root.hidden = !this.known;
      this.pictures.replaceChildren(...traffics.map(picture));
    } catch {
      /* the lab is being stopped, or the engine does not answer; the rail says so */
    }
  }
}

function picture(traffic) {
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "dock-traffic-picture" });
  svg.setAttribute("aria-label", `${traffic.name ? `${traffic.name}: ` : ""}${traffic.summary}`);
  const slices = traffic.failed.length;
  const width = WIDTH / slices;
  const sum = (at) => traffic.failed[at] + traffic.answered.reduce((total, each) => total + each[at], 0);
  const most = Math.max(1, ...traffic.failed.map((_, at) => sum(at)));
  for (let at = 0; at < slices; at += 1) {
    let top = HEIGHT;
    const draw = (count, kind) => {
      if (!count) return;
      const high = (count / most) * (HEIGHT - 4);
      top -= high;
      svg.append(shape("rect", { x: at * width, y: top, width: width * 0.9, height: high, class: kind }));
    };
    traffic.answered.forEach((each, number) => draw(each[at], `dock-version-${number % 4}`));
    draw(traffic.failed[at], "dock-failed");
  }
  for (const mark of traffic.marks) {
    const x = (mark.at / traffic.seconds) * WIDTH;
    svg.append(shape("line", { x1: x, x2: x, y1: 0, y2: HEIGHT, class: "dock-traffic-mark" }));
  }
  const failures = traffic.failed.reduce((total, each) => total + each, 0);
  return element("figure", { class: "dock-traffic-figure" },
    svg,
    element("figcaption", {},
      element("span", { text: `${traffic.name ? `${traffic.name}, ` : ""}last ${traffic.seconds} s: ${traffic.summary}. ` }),
      ...traffic.versions.map((version, number) => element("span", { class: `dock-key dock-key-${number % 4}`, text: `${"■▲●◆"[number % 4]} version ${version} ` })),
      failures ? element("span", { class: "dock-key dock-key-failed", text: "✘ failed " }) : null,
      traffic.marks.length ? element("span", { text: `Marks: ${traffic.marks.map((mark) => mark.text).join(", ")}` }) : null),
  );
}
