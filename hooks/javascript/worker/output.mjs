// What scripts write to the console, as messages for hookpoint's log.
import { Console } from "node:console";
import { Writable } from "node:stream";
import { format } from "node:util";

const LINE = 4096;
const LINES_PER_CALL = 100;

// `current` returns the call that is running, if that is known; it counts its lines.
export function redirectConsole(send, current) {
  const write = (level, text) => {
    const call = current();
    if (call) {
      call.lines += 1;
      if (call.lines > LINES_PER_CALL) {
        if (call.lines > LINES_PER_CALL + 1) return;
        text = `more than ${LINES_PER_CALL} lines; the others are left out`;
      }
    }
    send({ log: call?.id ?? null, level, text: text.length > LINE ? `${text.slice(0, LINE)} ...` : text });
  };
  const stream = (level) =>
    new Writable({
      decodeStrings: false,
      write(chunk, _, done) {
        write(level, String(chunk).replace(/\n$/, ""));
        done();
      },
    });
  // Everything that formats in its own way, such as table and group.
  const other = new Console({ stdout: stream("info"), stderr: stream("warning"), colorMode: false });
  for (const name of Object.keys(other)) if (typeof other[name] === "function") console[name] = other[name];
  const levels = { debug: "debug", log: "info", info: "info", warn: "warning", error: "error" };
  for (const [name, level] of Object.entries(levels)) console[name] = (...values) => write(level, format(...values));
  return write;
}
