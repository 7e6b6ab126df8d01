// The worker in Deno, which opens no descriptors by number: messages come on standard input and go on standard output.
import { Buffer } from "node:buffer";
import process from "node:process";

import { Calls } from "./calls.mjs";
import { frame, Frames } from "./frames.mjs";

globalThis.Buffer ??= Buffer;
globalThis.process ??= process;

const { stdin, stdout, exit } = Deno;
const calls = new Calls((message) => {
  let bytes = frame(message);
  while (bytes.length) bytes = bytes.subarray(stdout.writeSync(bytes));
});
const frames = new Frames();

for await (const chunk of stdin.readable) {
  for (const message of frames.read(Buffer.from(chunk))) calls.receive(message);
}
exit(0);
