// oauth2-mock-server with an HTTP layer in front that can make its answers wrong. Settings: issuer (null: the layer's own
// address), secret [name, value], attacker {jwk, certificate}. Control: POST /behave {token, jwks, seconds, fetches}, which
// also clears the counters and drops keys that were rotated out, and POST /rotate.
import { OAuth2Server } from 'oauth2-mock-server';
import { Counts, collect, guarded, listen, openControl, readSettings, ready } from './loopback.mjs';
import { equipAttacker, forge, forgeries } from './misbehaviour/forgeries.mjs';
import { jwksAnswers } from './misbehaviour/jwks.mjs';
import { tokenAnswers } from './misbehaviour/answers.mjs';

const TOKEN_PATH = '/oauth/token';
const JWKS_PATH = '/.well-known/jwks.json';
const DISCOVERY_PATH = '/.well-known/openid-configuration';
const KEPT_HEADERS = ['content-type', 'cache-control', 'pragma', 'etag'];
const HONEST = { token: 'honest', jwks: 'honest', seconds: 0, fetches: 0 };

const settings = await readSettings();
const counts = new Counts();
const { server, url } = await listen();
let behaviour = HONEST;

const mock = new OAuth2Server(undefined, undefined, { endpoints: { token: TOKEN_PATH, jwks: JWKS_PATH } });
await mock.start(0, '127.0.0.1');
mock.issuer.url = settings.issuer ?? url;
let key = await mock.issuer.keys.generate('RS256', { kid: 'mock-1' });
let published = new Set([key.kid]); // the library cannot forget a key
let generation = 1;

mock.service.on('beforeTokenSigning', ({ payload }, request) => {
  payload.aud = request.body.resource ?? request.body.audience ?? 'https://api.example.test';
  payload.sub = payload.client_id = clientOf(request);
  payload.jti = `mock-${process.hrtime.bigint()}`;
});

function clientOf(request) {
  const [scheme, credentials] = (request.headers.authorization ?? '').split(' ');
  if (scheme.toLowerCase() !== 'basic') return request.body.client_id;
  return decodeURIComponent(Buffer.from(credentials, 'base64').toString().split(':')[0]);
}

/** Ask the library, which listens elsewhere on the loopback, and return its answer whole. */
async function ask(request) {
  const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
  const body = request.method === 'GET' ? undefined : Buffer.concat(await collect(request));
  const url = `http://127.0.0.1:${mock.address().port}${request.url}`;
  const answer = await fetch(url, { method: request.method, headers, body });
  const kept = KEPT_HEADERS.filter((name) => answer.headers.has(name)).map((name) => [name, answer.headers.get(name)]);
  return { status: answer.status, headers: Object.fromEntries(kept), body: Buffer.from(await answer.arrayBuffer()) };
}

async function tokenAnswer(request) {
  const answer = await inTurn(() => {
    signWithCurrentKey();
    return ask(request);
  });
  if (answer.status !== 200) return answer;
  const mode = behaviour.token;
  if (forgeries[mode] !== undefined) {
    const members = JSON.parse(answer.body);
    members.access_token = await forge(mode, members.access_token, key);
    return { ...answer, body: Buffer.from(JSON.stringify(members)) };
  }
  return tokenAnswers[mode](answer, { seconds: behaviour.seconds, key });
}

let last = Promise.resolve();

/** One after the other: between choosing the key and signing with it, no other request may move the queue of keys on. */
function inTurn(work) {
  const done = last.then(work);
  last = done.catch(() => {});
  return done;
}

/** The library signs with its keys in turn; asking for a key moves it to the end of the queue. */
function signWithCurrentKey() {
  for (const { kid } of mock.issuer.keys.toJSON()) if (kid !== key.kid) mock.issuer.keys.get(kid);
}

async function jwksAnswer(request) {
  const answer = await ask(request);
  const keys = JSON.parse(answer.body).keys.filter(({ kid }) => published.has(kid));
  answer.body = Buffer.from(JSON.stringify({ keys }));
  const misbehaves = behaviour.fetches === 0 || counts.toJSON().jwks <= behaviour.fetches;
  return misbehaves ? jwksAnswers[behaviour.jwks](answer, { seconds: behaviour.seconds, key }) : answer;
}

const routes = {
  [`POST ${TOKEN_PATH}`]: ['token', tokenAnswer],
  [`GET ${JWKS_PATH}`]: ['jwks', jwksAnswer],
  [`GET ${DISCOVERY_PATH}`]: ['discovery', ask],
};

async function serve(request, response) {
  const [name, answer] = routes[`${request.method} ${request.url.split('?')[0]}`] ?? ['other', ask];
  counts.add(name);
  const { status, headers, body, cut } = await answer(request);
  response.writeHead(status, { ...headers, 'content-length': body.length });
  if (cut === undefined) response.end(body);
  else response.write(body.subarray(0, cut), () => response.destroy());
}

server.on('request', guarded(settings.secret, counts, (request, response) => {
  serve(request, response).catch((error) => {
    console.error(error);
    response.destroy();
  });
}));

const control = await openControl(counts, {
  behave(wanted) {
    const next = { ...HONEST, ...wanted };
    if (!(next.token in forgeries || next.token in tokenAnswers) || !(next.jwks in jwksAnswers)) return undefined;
    behaviour = next;
    published = new Set([key.kid]);
    counts.clear();
    return behaviour;
  },
  async rotate() {
    generation += 1;
    key = await mock.issuer.keys.generate('RS256', { kid: `mock-${generation}` });
    published.add(key.kid);
    return { kid: key.kid };
  },
  'attacker-keys'() {
    counts.add('attacker-keys');
    return { keys: [attackerKey] };
  },
  modes: () => ({
    token: [...Object.keys(tokenAnswers), ...Object.keys(forgeries)],
    jwks: Object.keys(jwksAnswers),
  }),
});
const attackerKey = equipAttacker({ ...settings.attacker, keysUrl: `${control}/attacker-keys` });
ready({ url, issuer: mock.issuer.url, control });
