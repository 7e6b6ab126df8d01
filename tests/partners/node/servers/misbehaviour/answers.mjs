// Token answers that are wrong or unusual as HTTP or JSON, around an honest token. Each gets the honest answer
// {status, headers, body} and returns another; `cut` ends the connection after that many bytes of the body.
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

const HTML = '<!doctype html><title>Oops</title><h1>Something went wrong</h1>\n';

const withText = (answer, text, headers = {}) => ({
  ...answer,
  headers: { ...answer.headers, ...headers },
  body: Buffer.from(text),
});
const withJson = (answer, members, changes = {}) => ({ ...withText(answer, JSON.stringify(members)), ...changes });
const edit = (change) => (answer) => withJson(answer, change(JSON.parse(answer.body)));
const inject = (members) => (answer) => withText(answer, `{${members},${answer.body.toString().slice(1)}`);

export const tokenAnswers = {
  honest: (answer) => answer,
  'bad-json': (answer) => withText(answer, `${answer.body.toString().slice(0, -1)},}`),
  'truncated-json': (answer) => withText(answer, answer.body.toString().slice(0, -20)),
  'json-list': edit((members) => [members]),
  empty: (answer) => withText(answer, ''),
  'missing-access-token': edit(({ access_token: _token, ...members }) => members),
  'null-access-token': edit((members) => ({ ...members, access_token: null })),
  'number-access-token': edit((members) => ({ ...members, access_token: 42 })),
  'missing-token-type': edit(({ token_type: _type, ...members }) => members),
  'missing-expires-in': edit(({ expires_in: _expiry, ...members }) => members),
  'missing-scope': edit(({ scope: _scope, ...members }) => members),
  'text-expires-in': edit((members) => ({ ...members, expires_in: '3600' })),
  'wrong-expires-in': edit((members) => ({ ...members, expires_in: 86400 })),
  'lower-case-type': edit((members) => ({ ...members, token_type: 'bearer' })),
  'duplicate-names': inject('"access_token":"first"'),
  nan: inject('"weight":NaN'),
  infinity: inject('"weight":-Infinity'),
  'lone-surrogate': inject('"note":"\\ud800"'),
  numbers: inject('"id":9223372036854775807,"over":9007199254740993,"price":1.10,"small":1e-7,"zero":-0.0'),
  'extra-members': (answer) => {
    const { access_token, token_type, ...members } = JSON.parse(answer.body);
    const first = { created_at: 1700000000, refresh_token: 'r-1' };
    const ext = { b: [1, { z: null }], a: 'ü/é' };
    return withText(answer, JSON.stringify({ ...first, ...members, ext, token_type, access_token }, null, 2).replaceAll('/', '\\/'));
  },
  'utf-16': (answer) => ({ ...answer, body: Buffer.from(`\ufeff${answer.body}`, 'utf16le') }),
  'utf-8-bom': (answer) => withText(answer, `\ufeff${answer.body}`),
  'invalid-utf-8': (answer) => withText(answer, Buffer.concat([Buffer.from('{"note":"\xff",', 'latin1'), answer.body.subarray(1)])),
  gzip: (answer) => withText(answer, gzipSync(answer.body), { 'content-encoding': 'gzip' }),
  'html-type': (answer) => withText(answer, answer.body, { 'content-type': 'text/html; charset=utf-8' }),
  'html-page': (answer) => withText(answer, HTML, { 'content-type': 'text/html; charset=utf-8' }),
  etag: (answer) => withText(answer, answer.body, { etag: '"strong-1"', 'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT' }),
  huge: inject(`"padding":"${'x'.repeat(10 * 1024 * 1024)}"`),
  cut: (answer) => ({ ...answer, cut: answer.body.length - 20 }),
  redirect: (answer) => ({ ...withText(answer, ''), status: 307, headers: { location: '/elsewhere' } }),
  'server-error': (answer) => ({ ...withText(answer, HTML), status: 500, headers: { 'content-type': 'text/html' } }),
  'json-server-error': (answer) => withJson(answer, { error: 'server_error' }, { status: 500 }),
  unavailable: (answer) => ({ ...withText(answer, ''), status: 503, headers: { 'retry-after': '7' } }),
  'invalid-client': (answer) => ({
    ...withJson(answer, { error: 'invalid_client', error_description: 'client authentication failed' }),
    status: 401,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'www-authenticate': 'Basic realm="mock", error="invalid_client"',
    },
  }),
  'error-with-200': (answer) => withJson(answer, { error: 'invalid_scope' }),
  slow: async (answer, { seconds }) => {
    await sleep(seconds * 1000);
    return answer;
  },
};
