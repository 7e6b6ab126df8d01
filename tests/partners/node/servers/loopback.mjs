// What every server script here shares: settings from stdin, the secret header, counters, the control door, the ready line.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

/** The first line of stdin as JSON; the process ends when stdin closes, so that it never outlives the tests. */
export async function readSettings() {
  const lines = createInterface({ input: process.stdin });
  const settings = await new Promise((resolve) => lines.once('line', (line) => resolve(JSON.parse(line))));
  lines.once('close', () => process.exit(0));
  return settings;
}

/** Counters by name. */
export class Counts {
  #counts = new Map();

  add(name) {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  clear() {
    this.#counts.clear();
  }

  toJSON() {
    return Object.fromEntries(this.#counts);
  }
}

/** A request listener that answers 403 to whoever does not know the secret and hands the others to `listener`. */
export function guarded([name, value], counts, listener) {
  return (request, response) => {
    if (request.headers[name.toLowerCase()] === value) {
      listener(request, response);
      return;
    }
    counts.add('refused');
    request.resume();
    response.writeHead(403, { 'content-type': 'text/plain' }).end('direct access is not allowed\n');
  };
}

/** Listen on a free loopback port and return the server with its URL. */
export async function listen(listener = undefined) {
  const server = createServer(listener);
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

/** Open the control door: GET /counts, and POST /<name> with JSON for each of `commands`. */
export async function openControl(counts, commands = {}) {
  const { url } = await listen(async (request, response) => {
    const chunks = await collect(request);
    const command = commands[request.url.slice(1)];
    const answer = request.url === '/counts' ? counts : await command?.(JSON.parse(Buffer.concat(chunks).toString() || '{}'));
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}));
  });
  return url;
}

/** Read a whole request body. */
export async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** Tell the parent that the server is ready. */
export function ready(members) {
  process.stdout.write(`${JSON.stringify(members)}\n`);
}
