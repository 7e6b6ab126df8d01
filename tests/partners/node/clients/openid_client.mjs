// Get a token with openid-client. Input: issuer, client {id, secret, method, key}, parameters, dpop, headers.
// Output: {answer, jkt} or {error, error_description, status}.
import { text } from 'node:stream/consumers';
import { calculateJwkThumbprint, exportJWK, importJWK } from 'jose';
import * as oauth from 'openid-client';

const request = JSON.parse(await text(process.stdin));
const { id, secret, method, key } = request.client;

const authentications = {
  client_secret_basic: () => oauth.ClientSecretBasic(secret),
  client_secret_post: () => oauth.ClientSecretPost(secret),
  private_key_jwt: async () => oauth.PrivateKeyJwt({ key: await importJWK(key, 'RS256'), kid: key.kid }),
};

/** Add the headers without which an upstream refuses direct calls. */
function fetchWithHeaders(url, options) {
  return fetch(url, { ...options, headers: { ...Object.fromEntries(new Headers(options.headers)), ...request.headers } });
}

async function getToken() {
  const config = await oauth.discovery(new URL(request.issuer), id, undefined, await authentications[method](), {
    execute: [oauth.allowInsecureRequests],
    [oauth.customFetch]: fetchWithHeaders,
  });
  if (!request.dpop) return { answer: await oauth.clientCredentialsGrant(config, request.parameters) };
  const pair = await oauth.randomDPoPKeyPair('ES256', { extractable: true });
  const answer = await oauth.clientCredentialsGrant(config, request.parameters, { DPoP: oauth.getDPoPHandle(config, pair) });
  return { answer, jkt: await calculateJwkThumbprint(await exportJWK(pair.publicKey)) };
}

try {
  console.log(JSON.stringify(await getToken()));
} catch (error) {
  const { error: code = error.code ?? error.name, error_description: description = error.message, status } = error;
  console.log(JSON.stringify({ error: code, error_description: description, status }));
}
