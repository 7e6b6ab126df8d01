// Access tokens that must not be believed, or whose shape is unusual. Each forgery gets the honest token's header and claims
// and returns what differs: {header, claims, key, sign} are merged over the honest ones, a string replaces the token.
import { createHmac, createPublicKey, generateKeyPairSync, createPrivateKey, randomBytes, sign } from 'node:crypto';
import { CompactEncrypt } from 'jose';

const HOUR = 3600;
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const now = () => Math.floor(Date.now() / 1000);
const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const rs256 = (input, key) => sign('sha256', input, key);
const es256 = (input, key) => sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' });
const hs256 = (secret) => (input) => createHmac('sha256', secret).update(input).digest();
const { privateKey: strangerEc } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

let attacker = {};

/** Set what the attacker has: a private JWK, a certificate for it (x5c), and the URL where its key set stands. */
export function equipAttacker({ jwk, certificate, keysUrl }) {
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  const publicJwk = { ...createPublicKey(key).export({ format: 'jwk' }), kid: 'attacker', alg: 'RS256', use: 'sig' };
  attacker = { key, certificate, keysUrl, publicJwk };
  return publicJwk;
}

const withAttackerKey = (header) => () => ({ header: { kid: 'attacker', ...header() }, key: attacker.key });
const withPublicKeyAsSecret = (secret) => ({ publicKey }) => ({ header: { alg: 'HS256' }, sign: hs256(secret(publicKey)) });
const toTheClient = (claims) => ({ aud: claims.client_id, client_id: undefined, scope: undefined });
const withText = (members) => ({ claims }) => ({ text: `{${members},${JSON.stringify(claims).slice(1)}` });
const unsigned = (alg) => () => ({ header: { alg }, sign: () => Buffer.alloc(0) });

export const forgeries = {
  'wrong-signature': () => ({ key: attacker.key }),
  tampered: ({ token, claims }) => {
    const [header, , signature] = token.split('.');
    return [header, encode({ ...claims, scope: 'admin' }), signature].join('.');
  },
  'unknown-kid': () => ({ header: { kid: `unknown-${randomBytes(6).toString('hex')}` } }),
  'no-kid': () => ({ header: { kid: undefined } }),
  'alg-none': unsigned('none'),
  'alg-none-mixed-case': unsigned('nOnE'),
  'hs256-pem': withPublicKeyAsSecret((key) => key.export({ format: 'pem', type: 'spki' })),
  'hs256-der': withPublicKeyAsSecret((key) => key.export({ format: 'der', type: 'spki' })),
  'hs256-jwk': withPublicKeyAsSecret((key) => JSON.stringify(key.export({ format: 'jwk' }))),
  'es256-with-rsa-kid': () => ({ header: { alg: 'ES256' }, key: strangerEc, sign: es256 }),
  crit: () => ({ header: { crit: ['urn:example:unknown'], 'urn:example:unknown': true } }),
  'header-jwk': withAttackerKey(() => ({ jwk: attacker.publicJwk })),
  'header-jku': withAttackerKey(() => ({ jku: attacker.keysUrl })),
  'header-x5c': withAttackerKey(() => ({ x5c: [attacker.certificate] })),
  'header-x5u': withAttackerKey(() => ({ x5u: attacker.keysUrl })),
  // The honest key signs it, so only a verifier that honours or copies the header does wrong.
  'honest-jku': () => ({ header: { jku: attacker.keysUrl } }),
  expired: () => ({ claims: { iat: now() - 2 * HOUR, nbf: now() - 2 * HOUR, exp: now() - HOUR } }),
  'not-yet-valid': () => ({ claims: { nbf: now() + HOUR, exp: now() + 2 * HOUR } }),
  'no-expiry': () => ({ claims: { exp: undefined } }),
  'text-expiry': () => ({ claims: { exp: String(now() + HOUR) } }),
  'float-times': () => ({ claims: { iat: now() - 0.5, exp: now() + HOUR + 0.5 } }),
  'wrong-issuer': () => ({ claims: { iss: 'https://evil.example.test' } }),
  'issuer-with-slash': ({ claims }) => ({ claims: { iss: `${claims.iss}/` } }),
  'no-issuer': () => ({ claims: { iss: undefined } }),
  'no-audience': () => ({ claims: { aud: undefined } }),
  'list-audience': ({ claims }) => ({ claims: { aud: [claims.aud, 'https://second.example.test'] } }),
  'scope-list': ({ claims }) => ({ claims: { scope: claims.scope.split(' ') } }),
  'scp-list': ({ claims }) => ({ claims: { scope: undefined, scp: claims.scope.split(' ') } }),
  'at-jwt': () => ({ header: { typ: 'at+jwt' } }),
  'id-token': ({ claims }) => ({
    claims: { ...toTheClient(claims), nonce: 'n-0S6_WzA2Mj', at_hash: 'MTIzNDU2Nzg5MDEyMzQ1Ng', auth_time: now() },
  }),
  'logout-token': ({ claims }) => ({
    header: { typ: 'logout+jwt' },
    claims: { ...toTheClient(claims), sid: 's-1', events: { [LOGOUT_EVENT]: {} } },
  }),
  'number-claims': withText('"big":9223372036854775807,"over":9007199254740993,"price":1.10,"small":1e-7'),
  'duplicate-claims': withText('"scope":"admin"'),
  'nan-claim': withText('"weight":NaN'),
  opaque: () => randomBytes(24).toString('base64url'),
  encrypted: ({ token }) =>
    new CompactEncrypt(Buffer.from(token))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', cty: 'JWT' })
      .encrypt(randomBytes(32)),
};

/** Return the token that `mode` makes of an honest one; `key` is the private JWK that signed it. */
export async function forge(mode, token, key) {
  const [header, claims] = token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  const privateKey = createPrivateKey({ key, format: 'jwk' });
  const change = await forgeries[mode]({ token, claims, publicKey: createPublicKey(privateKey) });
  if (typeof change === 'string') return change;
  const text = change.text ?? { ...claims, ...change.claims };
  const input = `${encode({ ...header, ...change.header })}.${encode(text)}`;
  const signature = (change.sign ?? rs256)(Buffer.from(input), change.key ?? privateKey);
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}
