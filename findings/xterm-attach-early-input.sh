#!/usr/bin/env bash
# What is typed before the socket opens is lost, and the caller is not told.
#
# Versions: @xterm/headless 6.0.0 with @xterm/addon-attach 0.12.0, ws 8.23.0, under Node.js.
#
# A good guess: the attach add-on keeps what is typed until the socket is open, as a pipe does, or
# throws to the one who typed.
#
# What was seen: the early input never arrives. The call that typed it returns as if nothing had
# happened; the error is thrown later, from a timer, where only a handler for uncaught errors sees it.
# What is typed after the opening arrives.
#
# Why it matters to a course: a page that types the first command for the learner does nothing on a
# slow network. Load the add-on only in the socket's `open` event.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund @xterm/headless@6.0.0 @xterm/addon-attach@0.12.0 ws@8.23.0 || exit 3
cat >attach.mjs <<'SCRIPT'
import { once } from "node:events";
import attach from "@xterm/addon-attach";
import headless from "@xterm/headless";
import { WebSocket, WebSocketServer } from "ws";

globalThis.WebSocket = WebSocket; // the name by which a browser has it
const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
await once(server, "listening");
let arrived = "";
const settled = new Promise((done) =>
  server.on("connection", (peer) =>
    peer.on("message", (data) => {
      arrived += data;
      if (arrived.includes("late")) done();
    }),
  ),
);
const uncaught = [];
process.on("uncaughtException", (error) => uncaught.push(error.message.split("\n")[0]));

const socket = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
const terminal = new headless.Terminal({ allowProposedApi: true });
terminal.loadAddon(new attach.AttachAddon(socket));
let thrown = "nothing";
try {
  terminal.input("early;");
} catch (error) {
  thrown = error.message;
}
await once(socket, "open");
terminal.input("late;");
await settled;
socket.close();
server.close();

console.log(`typed early; and late;  arrived: ${arrived}`);
console.log(`thrown to the caller: ${thrown}`);
console.log(`uncaught, later: ${uncaught.join(", ")}`);
if (arrived !== "late;") {
  console.error(`Changed: now this arrives: ${arrived}`);
  process.exitCode = 1;
} else if (thrown !== "nothing" || uncaught.length !== 1) {
  console.error("Changed: the error is now told in another way.");
  process.exitCode = 1;
}
SCRIPT
timeout 60 node attach.mjs
