// Verify an access token as a resource server does. Input: token, issuer, audience, headers.
// Output: {claims, header} or {error, error_description}.
import { text } from 'node:stream/consumers';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { token, issuer, audience, headers } = JSON.parse(await text(process.stdin));
const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];

try {
  const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`, { headers })).json();
  if (metadata.issuer !== issuer) throw new Error(`discovery names the issuer ${metadata.issuer}`);
  const keys = createRemoteJWKSet(new URL(metadata.jwks_uri), { headers });
  const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience, algorithms, requiredClaims: ['exp'] });
  console.log(JSON.stringify({ claims: payload, header: protectedHeader }));
} catch (error) {
  console.log(JSON.stringify({ error: error.code ?? error.name, error_description: error.message }));
}
