/* Talks to the service behind the page: finds out whether there is one, proves who it is, asks it, and listens to it. */

const BASE = "/api/v1/";
const KEPT = "drydock-token";
const HELLO_MS = 4000;
const SILENCE_MS = 25000;
const FIRST_WAIT_MS = 500;
const LAST_WAIT_MS = 15000;

const text = new TextEncoder();

async function proofOf(token, nonce) {
  const key = await crypto.subtle.importKey("raw", text.encode(token), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const made = await crypto.subtle.sign("HMAC", key, text.encode(`${nonce} ${location.host}`));
  return [...new Uint8Array(made)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Problem extends Error {
  constructor(status, said) {
    super(said.remedy ? `${said.error} ${said.remedy}` : said.error || `The service answered ${status}.`);
    this.status = status;
  }
}

export class Api {
  constructor() {
    this.token = "";
    this.run = "";
  }

  /* Whether a service of the course answers. The token is sent only to one that has proved that it knows it. */
  async meet(code = "") {
    const nonce = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16)).join("");
    let hello;
    try {
      const answer = await fetch(`${BASE}hello?nonce=${nonce}`, { signal: AbortSignal.timeout(HELLO_MS) });
      if (!answer.ok) return false;
      hello = await answer.json();
    } catch {
      return false;
    }
    if (hello === null || hello.app !== "drydock" || hello.api !== 1 || hello.live !== true) return false;
    this.run = hello.run;
    let found = "";
    if (code) {
      this.token = "";
      try {
        found = (await this.post("session", { code })).token;
        localStorage.setItem(KEPT, found);
      } catch (problem) {
        if (!(problem instanceof Problem)) return false;
      }
    }
    // The terminal and the events may ask at the same time: a token that is good is never away between.
    const kept = found || localStorage.getItem(KEPT);
    this.token = kept && (await proofOf(kept, nonce)) === hello.proof ? kept : "";
    return true;
  }

  async get(path) {
    return this.#ask(path, { headers: this.#headers() });
  }

  async post(path, body = {}) {
    return this.#ask(path, {
      method: "POST",
      headers: { ...this.#headers(), "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() },
      body: JSON.stringify(body),
    });
  }

  #headers() {
    return this.token ? { Authorization: `Bearer ${this.token}` } : {};
  }

  async #ask(path, options) {
    const answer = await fetch(BASE + path, { ...options, cache: "no-store", credentials: "omit", redirect: "error" });
    let said = {};
    try {
      said = await answer.json();
    } catch {
      /* the status says enough */
    }
    if (!answer.ok) throw new Problem(answer.status, said);
    return said;
  }

  /* Listens to a lab's events for as long as the page can be seen; see HTML standard, 9.2, for how they are written. */
  listen(lab, handlers) {
    let since = "";
    let failures = 0;
    let before = false;
    let current = null;
    let waiting = null;

    const connect = async () => {
      waiting = null;
      if (document.hidden || current !== null) return;
      const stop = new AbortController();
      current = stop;
      let silent = null;
      const heard = () => {
        clearTimeout(silent);
        silent = setTimeout(() => stop.abort(), SILENCE_MS);
      };
      try {
        // Another program may have taken the port since, also while the page was hidden: the token goes only to a service that knows it.
        if (before && !((await this.meet()) && this.token)) throw new Error("no service");
        before = true;
        heard();
        // What is known by now is shown at once, and the events are those from there on.
        if (since === "") await handlers.fresh((seen) => (since = seen));
        const query = new URLSearchParams({ lab, since });
        const answer = await fetch(`${BASE}events?${query}`, { headers: this.#headers(), signal: stop.signal, cache: "no-store" });
        if (!answer.ok) throw new Error(String(answer.status));
        if (failures > 0) await handlers.fresh((seen) => (since = seen));
        failures = 0;
        handlers.live();
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "";
        for (;;) {
          const { value, done } = await reader.read();
          if (done) break;
          heard();
          const parts = (rest + value).split("\n\n");
          rest = parts.pop();
          for (const part of parts) {
            const event = parse(part);
            if (event === null) continue;
            since = event.id;
            if (event.kind === "resync") await handlers.fresh((seen) => (since = seen));
            else handlers.event(event.kind, event.data);
          }
        }
      } catch {
        /* the service has gone, or the page was hidden */
      } finally {
        clearTimeout(silent);
        stop.abort();
        current = null;
      }
      if (document.hidden) return;
      failures += 1;
      handlers.lost(failures);
      const wait = Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LAST_WAIT_MS);
      waiting = setTimeout(connect, wait * (0.8 + 0.4 * Math.random()));
    };

    document.addEventListener("visibilitychange", () => {
      if (document.hidden) {
        clearTimeout(waiting);
        if (current !== null) current.abort();
      } else connect();
    });
    connect();
  }
}

function parse(part) {
  const event = { id: "", kind: "message", data: null };
  for (const line of part.split("\n")) {
    if (line.startsWith("id: ")) event.id = line.slice(4);
    else if (line.startsWith("event: ")) event.kind = line.slice(7);
    else if (line.startsWith("data: ")) event.data = JSON.parse(line.slice(6));
  }
  return event.data === null ? null : event;
}
