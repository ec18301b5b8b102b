"use strict";
// Counts alone, for a page that everybody in the room sees.
(() => {
  const byId = (id) => document.getElementById(id);
  const given = new URLSearchParams(location.hash.slice(1)).get("t");
  if (given) {
    sessionStorage.setItem("class-token", given);
    // The room sees the address bar.
    history.replaceState(null, "", "/projector");
  }
  const token = given || sessionStorage.getItem("class-token");
  const CLOSED = "Open this page from the board, or at the address for the projector that `lab class serve` printed.";
  function tell(error) {
    byId("line").textContent = error.status ? CLOSED : "The class's server does not answer.";
  }
  if (!token) {
    tell({ status: 401 });
    return;
  }
  async function ask(path) {
    const response = await fetch(path, { headers: { Authorization: `Bearer ${token}` } });
    if (!response.ok) throw Object.assign(new Error(path), { status: response.status });
    return response;
  }
  async function show() {
    const { class: name, summary, pace } = await (await ask("/api/counts")).json();
    byId("name").textContent = name;
    byId("line").textContent = `${summary.joined} joined, ${summary.done} done, median at ${summary.median || "the start"}`;
    byId("pace").replaceChildren(...pace.map((each) => {
      const line = document.createElement("tr");
      for (const text of [`${each.lab.slice(0, 2)}.${each.step}`, `${each.done} of ${each.of}`]) {
        line.append(Object.assign(document.createElement("td"), { textContent: text }));
      }
      return line;
    }));
  }
  async function begin() {
    byId("invitation").textContent = (await (await ask("/api/invitation")).json()).invitation;
    byId("qr").src = URL.createObjectURL(await (await ask("/api/qr")).blob());
    await show();
    setInterval(() => show().catch(tell), 5000);
  }
  begin().catch(tell);
})();
