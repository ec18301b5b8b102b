/* The terminal of the lab's toolbox: what is typed goes to a shell in that container, never to this machine's own. */

import { say } from "./announce.js";
import { button, element } from "./dom.js";

const READER = "drydock-screen-reader";
const FIRST_WAIT_MS = 500;
const LAST_WAIT_MS = 15000;
const ACK_BYTES = 16384;
const TAKEN = 4409;
const ENDED = 4410;
const NO_LAB = 4404;
const NO_TOKEN = 4401;

let modules = null;

function load() {
  const here = new URL("vendor/", import.meta.url);
  if (modules === null) {
    document.head.append(element("link", { rel: "stylesheet", href: new URL("xterm.css", here).href }));
    modules = Promise.all(["xterm.mjs", "addon-fit.mjs", "addon-unicode11.mjs"].map((name) => import(new URL(name, here).href)));
  }
  return modules;
}

export class Terminal {
  constructor(lesson, panel) {
    this.lesson = lesson;
    this.panel = panel;
    this.seq = 0;
    this.shell = "";
    this.shown = 0;
    this.told = 0;
    this.failures = 0;
    this.socket = null;
    this.lastPhase = "";
  }

  async open() {
    const [{ Terminal: Screen }, { FitAddon }, { Unicode11Addon }] = await load();
    const reader = localStorage.getItem(READER) === "on";
    this.screen = new Screen({
      allowProposedApi: true,
      cursorBlink: false,
      fontFamily: getComputedStyle(document.body).getPropertyValue("--md-code-font") || "monospace",
      fontSize: 13,
      minimumContrastRatio: 4.5,
      screenReaderMode: reader,
      scrollback: 5000,
      theme: { background: "#0f1c25", foreground: "#dbe4e8", cursor: "#ff9d7c", selectionBackground: "#28566f" },
    });
    this.fitting = new FitAddon();
    this.screen.loadAddon(this.fitting);
    this.screen.loadAddon(new Unicode11Addon());
    this.screen.unicode.activeVersion = "11";

    this.status = element("p", { class: "dock-terminal-status", role: "status" });
    this.again = button("Open it again", () => this.reconnect(), { class: "dock-button", hidden: true });
    this.view = element("div", { class: "dock-terminal-view" });
    this.group = element("div", {
      class: "dock-terminal-group",
      tabindex: "0",
      role: "group",
      "aria-label": `Terminal of lab ${Number(this.lesson.lab)}`,
      "aria-describedby": "dock-terminal-keys",
    }, this.view);
    const number = Number(this.lesson.lab);
    this.panel.append(
      this.group,
      element(
        "div",
        { class: "dock-terminal-foot" },
        element("p", { id: "dock-terminal-keys", class: "dock-terminal-keys" },
          "Enter goes into the terminal, ", element("kbd", { text: "Ctrl+Shift+L" }), " leaves it. Your own terminal: ",
          element("code", { text: `lab shell ${number}` })),
        element("label", { class: "dock-terminal-reader" },
          element("input", { type: "checkbox", checked: reader, on: { change: (event) => this.useReader(event.currentTarget.checked) } }),
          " For a screen reader"),
        this.status,
        this.again,
      ),
    );
    this.screen.open(this.view);
    // One stop of the Tab key; the terminal itself is entered on purpose, since Tab then belongs to the shell.
    this.screen.textarea.tabIndex = -1;
    this.group.addEventListener("keydown", (event) => {
      if (event.target === this.group && (event.key === "Enter" || event.key === " ")) {
        event.preventDefault();
        this.enter();
      }
    });
    this.screen.attachCustomKeyEventHandler((event) => {
      if (event.ctrlKey && event.shiftKey && event.code === "KeyL") {
        event.preventDefault();
        if (event.type === "keydown") this.leave();
        return false;
      }
      return true;
    });
    this.screen.onData((data) => this.send({ t: "in", d: data }));
    this.screen.onBinary((data) => this.send({ t: "in", d: data }));
    this.screen.onResize(({ cols, rows }) => this.send({ t: "size", cols, rows }));
    new ResizeObserver(() => this.fit()).observe(this.view);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.socket === null && this.waiting) {
        clearTimeout(this.waiting);
        this.reconnect();
      }
    });
    this.fit();
    await this.connect();
  }

  fit() {
    if (this.screen && this.view.clientHeight > 0) this.fitting.fit();
  }

  enter() {
    this.screen.focus();
  }

  leave() {
    this.screen.blur();
    this.group.focus();
    // A terminal that is read aloud talks over what the page had to say.
    if (this.screen.options.screenReaderMode) this.lesson.rail.readAgain();
  }

  useReader(on) {
    localStorage.setItem(READER, on ? "on" : "off");
    this.screen.options.screenReaderMode = on;
  }

  send(frame) {
    if (this.socket !== null && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  /* Connects; resolves when the shell is there, or there is a reason why not. */
  connect() {
    clearTimeout(this.waiting);
    this.waiting = null;
    if (this.socket !== null) return Promise.resolve();
    this.again.hidden = true;
    const socket = new WebSocket(`ws://${location.host}/api/v1/term/${this.lesson.lab}`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    let reason = "";
    return new Promise((done) => {
      socket.addEventListener("open", () => {
        const { cols, rows } = this.screen;
        this.send({ t: "hello", token: this.lesson.api.token, cols, rows, seq: this.seq, shell: this.shell });
      });
      socket.addEventListener("message", (event) => {
        if (typeof event.data !== "string") {
          this.write(event.data);
          return;
        }
        const frame = JSON.parse(event.data);
        if (frame.t === "ready") {
          this.failures = 0;
          this.tell("");
          if (this.shell && frame.shell !== this.shell) this.screen.reset();
          this.shell = frame.shell;
          if (frame.seq !== this.seq) this.screen.reset();
          this.seq = this.shown = this.told = frame.seq;
          done();
        } else if (frame.t === "ran") this.lesson.blocks.ran(frame.block, frame.status, frame.old);
        else if (frame.t === "end") reason = frame.reason;
      });
      socket.addEventListener("close", (event) => {
        this.socket = null;
        done();
        if (event.code === TAKEN) {
          this.tell("Another tab has taken this terminal over.");
          this.again.hidden = false;
        } else if ([ENDED, NO_LAB].includes(event.code)) {
          this.shell = "";
          this.seq = 0;
          this.tell(reason);
          this.again.hidden = false;
        } else if (event.code !== NO_TOKEN) {
          this.tell("The connection is lost; trying again.");
          this.failures += 1;
          const wait = Math.min(FIRST_WAIT_MS * 2 ** (this.failures - 1), LAST_WAIT_MS);
          this.waiting = setTimeout(() => this.reconnect(), wait);
        } else {
          this.tell(`This page may not use the terminal any more. In your own terminal: lab open ${Number(this.lesson.lab)}`);
        }
      });
    });
  }

  async reconnect() {
    clearTimeout(this.waiting);
    this.again.hidden = true;
    // Another program may have taken the port since: the token goes only to a service that knows it.
    if ((await this.lesson.api.meet()) && this.lesson.api.token) await this.connect();
    else {
      if (this.failures === 0) this.tell("The connection is lost; trying again.");
      this.failures += 1;
      const wait = Math.min(FIRST_WAIT_MS * 2 ** (this.failures - 1), LAST_WAIT_MS);
      this.waiting = setTimeout(() => this.reconnect(), wait);
    }
  }

  /* Bytes as they come: a character may be cut between two frames, and the screen joins it. */
  write(frame) {
    const bytes = new Uint8Array(frame, 8);
    this.seq = Number(new DataView(frame).getBigUint64(0)) + bytes.length;
    const upTo = this.seq;
    this.screen.write(bytes, () => {
      this.shown = upTo;
      if (this.shown - this.told >= ACK_BYTES || this.shown === this.seq) {
        this.told = this.shown;
        this.send({ t: "ack", n: this.shown });
      }
    });
  }

  /* A lab that has been started again has another toolbox. */
  phase(phase) {
    const before = this.lastPhase;
    this.lastPhase = phase;
    if (phase === "ready" && before !== "ready" && before !== "" && this.socket === null && !this.waiting) {
      this.reconnect();
    }
  }

  tell(text) {
    this.status.textContent = text;
    if (text) say(text);
  }
}
