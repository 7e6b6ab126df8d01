// Speak to a server with openid-client. Input: issuer, client {id, secret, method, key}, headers, action (a name below), dpop, and
// what the action needs. Output: what the library made of the answer, or {error, error_description, status}.
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

/** A token answer and the claims of its ID token, which the library has verified, signature included. */
function granted(answer) {
  return { answer, claims: answer.claims() ?? null };
}

const actions = {
  async credentials(config, { parameters, dpop }) {
    if (!dpop) return { answer: await oauth.clientCredentialsGrant(config, parameters) };
    const pair = await oauth.randomDPoPKeyPair('ES256', { extractable: true });
    const answer = await oauth.clientCredentialsGrant(config, parameters, { DPoP: oauth.getDPoPHandle(config, pair) });
    return { answer, jkt: await calculateJwkThumbprint(await exportJWK(pair.publicKey)) };
  },
  async authorize(config, { parameters }) {
    const checks = {
      pkceCodeVerifier: oauth.randomPKCECodeVerifier(),
      expectedState: oauth.randomState(),
      expectedNonce: oauth.randomNonce(),
    };
    const url = oauth.buildAuthorizationUrl(config, {
      ...parameters,
      code_challenge: await oauth.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: checks.expectedState,
      nonce: checks.expectedNonce,
    });
    return { url, checks };
  },
  code: async (config, { callback, checks, parameters }) =>
    granted(await oauth.authorizationCodeGrant(config, new URL(callback), checks, parameters)),
  refresh: async (config, { token, parameters }) => granted(await oauth.refreshTokenGrant(config, token, parameters)),
  exchange: async (config, { parameters }) =>
    granted(await oauth.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:token-exchange', parameters)),
  userinfo: async (config, { token, subject }) => ({ answer: await oauth.fetchUserInfo(config, token, subject) }),
  introspect: async (config, { token }) => ({ answer: await oauth.tokenIntrospection(config, token) }),
  revoke: async (config, { token }) => {
    await oauth.tokenRevocation(config, token);
    return { answer: {} };
  },
  end_session: (config, { parameters }) => ({ url: oauth.buildEndSessionUrl(config, parameters) }),
};

async function act() {
  const config = await oauth.discovery(new URL(request.issuer), id, undefined, await authentications[method](), {
    execute: [oauth.allowInsecureRequests, oauth.enableNonRepudiationChecks],
    [oauth.customFetch]: fetchWithHeaders,
  });
  return actions[request.action](config, request);
}

try {
  console.log(JSON.stringify(await act()));
} catch (error) {
  const { error: code = error.code ?? error.name, error_description: description = error.message } = error;
  // Of an answer that is no OAuth error the library tells by its challenges alone (RFC 6750 section 3).
  const challenge = error.cause?.[0]?.parameters ?? {};
  console.log(JSON.stringify({
    error: challenge.error ?? code,
    error_description: challenge.error_description ?? description,
    status: error.status ?? error.response?.status,
  }));
}
