// One Node framework with POST on the token path. Settings from stdin: framework, path, answer (JSON text), packages (the
// node_modules folder). GET /runs tells how often the handler ran. Ends when stdin closes.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const lines = createInterface({ input: process.stdin });
const { framework, path, answer, packages } = await new Promise((resolve) => lines.once('line', (line) => resolve(JSON.parse(line))));
lines.once('close', () => process.exit(0));
const require = createRequire(`${packages}/`);

let runs = 0;
const FIELDS = { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-handled': 'yes' };
const count = () => ({ runs });

const frameworks = {
  express() {
    const app = require('express')();
    app.get('/runs', (request, response) => response.json(count()));
    app.post(path, (request, response) => {
      runs += 1;
      response.set(FIELDS).send(answer);
    });
    return createServer(app);
  },

  koa() {
    const Koa = require('koa');
    const { Router } = require('@koa/router');
    const router = new Router();
    router.get('/runs', (context) => {
      context.body = count();
    });
    router.post(path, (context) => {
      runs += 1;
      context.set(FIELDS);
      context.body = answer;
    });
    const app = new Koa();
    app.silent = true;
    return createServer(app.use(router.routes()).callback());
  },

  async fastify() {
    let server;
    const app = require('fastify')({ serverFactory: (listener) => (server = createServer(listener)) });
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => done(null, body));
    app.get('/runs', async () => count());
    app.post(path, async (request, reply) => {
      runs += 1;
      return reply.headers(FIELDS).send(answer);
    });
    await app.ready();
    return server;
  },

  async hapi() {
    const listener = createServer();
    const app = require('@hapi/hapi').server({ listener, autoListen: false });
    app.route({ method: 'GET', path: '/runs', handler: count });
    app.route({
      method: 'POST',
      path,
      options: { payload: { parse: false } },
      handler(request, h) {
        runs += 1;
        return Object.entries(FIELDS).reduce((response, [name, value]) => response.header(name, value), h.response(answer));
      },
    });
    await app.initialize();
    return listener;
  },

  // No framework: the request target goes through the URL parser, as in much of Node's own documentation.
  'node-url'() {
    return createServer((request, response) => {
      let pathname;
      try {
        pathname = new URL(request.url, 'http://localhost').pathname;
      } catch {
        response.writeHead(400).end();
        return;
      }
      if (pathname === '/runs') response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(count()));
      else if (pathname === path && request.method === 'POST') {
        runs += 1;
        response.writeHead(200, FIELDS).end(answer);
      } else response.writeHead(404).end();
    });
  },
};

const server = await frameworks[framework]();
await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
