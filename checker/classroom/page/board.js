"use strict";
// Text from learners reaches this page only through textContent: no markup of theirs becomes an element.
(() => {
  const byId = (id) => document.getElementById(id);
  const make = (tag, text, more) => Object.assign(document.createElement(tag), { textContent: text ?? "" }, more);
  const SIGNS = { done: "●", working: "◐", failing: "▲", error: "■", "not begun": "○" };
  const people = new Map();
  let token = sessionStorage.getItem("class-token") || "";
  const given = new URLSearchParams(location.hash.slice(1)).get("t");
  if (given) {
    token = given;
    sessionStorage.setItem("class-token", given);
    // The address bar and the history no longer have it.
    history.replaceState(null, "", "/");
  }
  let paused = false, last = null, sort = "name", down = false, spoken = 0;

  async function ask(path, body) {
    const response = await fetch(path, {
      method: body ? "POST" : "GET",
      headers: { Authorization: `Bearer ${token}`, ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    });
    if (!response.ok) throw new Error(`${response.status}`);
    return response;
  }
  function tell(text) {
    byId("status").textContent = text;
  }
  const place = (row) => (row.lab ? `${row.lab.slice(0, 2)}.${row.step}` : "not begun");
  const ago = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);

  function often(row) {
    if (row.in_a_row < 2) return "";
    const same = row.same_reason > 1 ? `, the last ${row.same_reason} for the same reason` : "";
    return ` failed ${row.in_a_row} times in a row${same}`;
  }

  function take(state) {
    for (const row of state.rows) people.set(row.id, row);
    last = state;
    if (!paused) show();
  }
  function show() {
    const state = last, s = state.summary;
    byId("name").textContent = state.class;
    byId("line").textContent =
      `${s.joined} joined, ${s.active} active, median at ${s.median || "the start"}, ` +
      `${s.done} done, ${s.stuck} need help (hands: ${s.hands}, environment errors: ${s.errors})`;
    byId("stuck-list").replaceChildren(...state.stuck.map((id) => {
      const row = people.get(id), item = make("li");
      if (row) item.append(make("strong", row.name), make("span",
        ` — ${row.why} for ${ago(row.stuck_s)}, at ${place(row)}${row.check ? `: ${row.check}${often(row)}` : ""}`), make("div", row.said));
      return item;
    }));
    byId("causes").replaceChildren(...state.causes.map((cause) => {
      const line = make("tr"), who = make("td"), more = make("details");
      more.append(make("summary", String(cause.learners.length)), make("div", cause.learners.map((id) => people.get(id)?.name ?? "").join(", ")));
      who.append(more);
      line.append(who, make("td", `${cause.lab.slice(0, 2)} ${cause.check}`), make("td", cause.said),
        make("td", [cause.known_as, cause.misconception].filter(Boolean).join(" — ")),
        make("td", [cause.step, cause.section].filter(Boolean).join("; ")));
      return line;
    }));
    byId("pace").replaceChildren(...state.pace.map((each) => {
      const line = make("tr");
      line.append(make("th", `${each.lab.slice(0, 2)}.${each.step}`, { scope: "row" }), make("td", `${each.done} of ${each.of}`),
        make("td", each.minutes === null ? "unknown" : each.minutes === 0 ? "now" : `in about ${Math.ceil(each.minutes)} min`));
      return line;
    }));
    byId("waiting").hidden = !state.pending.length;
    byId("pending").replaceChildren(...state.pending.map((each) => {
      const item = make("li", `${each.name}, since ${each.since.slice(11, 16)} UTC `);
      for (const [text, path] of [["Yes, it is theirs", "/api/admit"], ["No", "/api/turn-away"]]) {
        const button = make("button", text, { type: "button" });
        button.addEventListener("click", () => ask(path, { machine: each.machine }).then(refresh, () => tell("It could not be done.")));
        item.append(button);
      }
      return item;
    }));
    table();
    const chosen = byId("to").value;
    const options = [...people.values()].sort((a, b) => a.name.localeCompare(b.name)).map((row) => make("option", row.name, { value: row.id }));
    if (options.length + 1 !== byId("to").length) {
      byId("to").replaceChildren(make("option", "all", { value: "" }), ...options);
      byId("to").value = chosen;
    }
    // Spoken by screen readers, so at most every half minute.
    if (Date.now() - spoken > 30000) {
      spoken = Date.now();
      tell(byId("line").textContent);
    }
  }
  function table() {
    const rows = [...people.values()].sort((a, b) => {
      const order = typeof a[sort] === "number" ? a[sort] - b[sort] : String(a[sort]).localeCompare(String(b[sort]));
      return (down ? -order : order) || a.name.localeCompare(b.name);
    });
    byId("people").replaceChildren(...rows.map((row) => {
      const line = make("tr"), steps = make("td");
      for (const cell of row.cells) steps.append(make("span", `${SIGNS[cell.state]} ${cell.lab.slice(0, 2)}.${cell.step} ${cell.state}`, { className: "step" }));
      line.append(make("th", row.name, { scope: "row" }), make("td", place(row)), make("td", `${row.passed} of ${row.checks}`), steps,
        make("td", String(row.tries)), make("td", String(row.hints)), make("td", row.why));
      return line;
    }));
  }
  async function refresh() {
    take(await (await ask("/api/state")).json());
  }
  async function listen() {
    const reader = (await ask("/api/stream")).body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      const parts = text.split("\n\n");
      text = parts.pop();
      for (const part of parts) {
        const data = part.split("\n").find((line) => line.startsWith("data: "));
        if (data) take(JSON.parse(data.slice(6)));
      }
    }
  }
  async function live() {
    byId("invitation").textContent = (await (await ask("/api/invitation")).json()).invitation;
    for (let pause = 500; ; pause = Math.min(15000, pause * 2)) {
      try {
        const begun = Date.now();
        await listen();
        if (Date.now() - begun > 30000) pause = 500;
      } catch { /* said below */ }
      tell("The class's server does not answer; trying again.");
      await new Promise((resolve) => setTimeout(resolve, pause + Math.random() * 500));
    }
  }
  async function save(path, name) {
    const address = URL.createObjectURL(await (await ask(path)).blob());
    make("a", "", { href: address, download: name }).click();
    URL.revokeObjectURL(address);
  }
  byId("pause").addEventListener("click", () => {
    paused = !paused;
    byId("pause").setAttribute("aria-pressed", String(paused));
    byId("pause").textContent = paused ? "Go on" : "Pause";
    if (!paused && last) show();
  });
  byId("csv").addEventListener("click", () => save("/api/board.csv", "board.csv"));
  byId("events").addEventListener("click", () => save("/api/events", "events.json"));
  byId("say").addEventListener("submit", (event) => {
    event.preventDefault();
    ask("/api/message", { to: byId("to").value, text: byId("text").value }).then(
      () => { byId("text").value = ""; tell("Sent: it arrives with each machine's next answer."); },
      () => tell("It was not sent."));
  });
  for (const button of document.querySelectorAll("[data-sort]")) {
    button.addEventListener("click", () => {
      down = sort === button.dataset.sort ? !down : false;
      sort = button.dataset.sort;
      for (const each of document.querySelectorAll("[aria-sort]")) each.setAttribute("aria-sort", "none");
      button.parentElement.setAttribute("aria-sort", down ? "descending" : "ascending");
      table();
    });
  }
  if (token) live().catch(() => tell("This page is not open to the class: open the address that `lab class serve` printed."));
  else tell("Open the address that `lab class serve` printed.");
})();
