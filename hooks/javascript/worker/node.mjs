// The worker in Node.js: messages come and go over the socket whose number is given.
import net from "node:net";
import process from "node:process";
import { Worker } from "node:worker_threads";

import { Calls } from "./calls.mjs";
import { frame, Frames } from "./frames.mjs";

// A script that blocks does not notice that hookpoint was killed; this thread does.
const WATCH = `const parent = ${process.ppid};
setInterval(() => process.ppid === parent || process.kill(process.pid, "SIGKILL"), 1000);`;
setTimeout(() => new Worker(WATCH, { eval: true, env: {}, execArgv: [] }).unref(), 1000).unref();

const exit = process.exit.bind(process);
const socket = new net.Socket({ fd: Number(process.argv[2]), readable: true, writable: true });
const calls = new Calls((message) => socket.write(frame(message)));
const frames = new Frames();
process.argv.length = 2;
process.argv[1] = "";

socket.on("data", (chunk) => {
  for (const message of frames.read(chunk)) calls.receive(message);
});
// Nobody waits for answers any more.
socket.on("close", () => exit(0));
socket.on("error", () => exit(0));
