// JWK Sets that are wrong, late or dangerous. Each gets the honest answer {status, headers, body} and returns another.
import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const { publicKey: otherKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const otherMaterial = otherKey.export({ format: 'jwk' });

const edit = (change) => (answer, context) => {
  const { keys } = JSON.parse(answer.body);
  return { ...answer, body: Buffer.from(JSON.stringify({ keys: change(keys, context) })) };
};
const fail = (status, headers = {}) => (answer) => ({ ...answer, status, headers, body: Buffer.from('not today\n') });

export const jwksAnswers = {
  honest: (answer) => answer,
  'server-error': fail(500, { 'content-type': 'text/plain' }),
  redirect: fail(302, { location: '/elsewhere/jwks.json' }),
  slow: async (answer, { seconds }) => {
    await sleep(seconds * 1000);
    return answer;
  },
  huge: edit((keys) => [...keys, { ...otherMaterial, kid: 'padded', padding: 'x'.repeat(10 * 1024 * 1024) }]),
  'many-keys': edit((keys) => [...Array.from({ length: 500 }, (_, n) => ({ ...otherMaterial, kid: `other-${n}` })), ...keys]),
  'bad-json': (answer) => ({ ...answer, body: answer.body.subarray(0, -3) }),
  'html-page': (answer) => ({ ...answer, headers: { 'content-type': 'text/html' }, body: Buffer.from('<h1>Sign in</h1>\n') }),
  empty: edit(() => []),
  stale: edit((keys, { key }) => keys.filter(({ kid }) => kid !== key.kid)),
  'duplicate-kid': edit((keys) => [{ ...otherMaterial, kid: keys[0].kid, alg: 'RS256' }, ...keys]),
  'oct-key': edit((keys) => [{ kty: 'oct', kid: 'oct-1', alg: 'HS256', k: Buffer.from('a shared secret of 32 bytes here').toString('base64url') }, ...keys]),
  'private-members': edit((keys, { key }) => keys.map((published) => (published.kid === key.kid ? key : published))),
  'encryption-use': edit((keys) => keys.map((published) => ({ ...published, use: 'enc' }))),
  'no-kids': edit((keys) => keys.map(({ kid: _kid, ...published }) => published)),
  'unknown-types': edit((keys) => [{ kty: 'LATTICE', kid: 'pq-1', alg: 'ML-DSA-99' }, ...keys]),
};
