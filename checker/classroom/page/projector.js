"use strict";
// Counts alone, for a page that everybody in the room sees.
(() => {
  const byId = (id) => document.getElementById(id);
  const token = sessionStorage.getItem("class-token");
  if (!token) return;
  const ask = (path) => fetch(path, { headers: { Authorization: `Bearer ${token}` } });
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
    setInterval(() => show().catch(() => {}), 5000);
  }
  begin().catch(() => { byId("line").textContent = "The class's server does not answer."; });
})();
