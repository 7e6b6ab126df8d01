// Messages on a stream: four bytes of length, most significant first, then JSON in UTF-8.
import { Buffer } from "node:buffer";

// A message is an object, or JSON already.
export function frame(message) {
  const text = typeof message === "string" ? message : JSON.stringify(message);
  const size = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(4 + size);
  bytes.writeUInt32BE(size, 0);
  bytes.write(text, 4, "utf8");
  return bytes;
}

export class Frames {
  #rest = Buffer.alloc(0);

  // Yields the messages that are complete with this chunk.
  *read(chunk) {
    let bytes = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk;
    while (bytes.length >= 4) {
      const end = 4 + bytes.readUInt32BE(0);
      if (bytes.length < end) break;
      const message = JSON.parse(bytes.toString("utf8", 4, end));
      bytes = bytes.subarray(end);
      this.#rest = bytes; // also when whoever reads does not come back
      yield message;
    }
    this.#rest = bytes;
  }
}
