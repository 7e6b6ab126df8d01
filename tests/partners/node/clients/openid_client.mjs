// Speak to a server with openid-client. Input, a line each: issuer, client {id, secret, method, key}, headers, action (a name below),
// dpop, and what the action needs. Output, a line each: what the library made of the answer, or {error, error_description, status}.
import { createInterface } from 'node:readline';
import { calculateJwkThumbprint, exportJWK, importJWK } from 'jose';
import * as oauth from 'openid-client';

const authentications = {
  client_secret_basic: ({ secret }) => oauth.ClientSecretBasic(secret),
  client_secret_post: ({ secret }) => oauth.ClientSecretPost(secret),
  private_key_jwt: async ({ key }) => oauth.PrivateKeyJwt({ key: await importJWK(key, 'RS256'), kid: key.kid }),
};

/** A fetch that adds the headers without which an upstream refuses direct calls. */
function fetchWith(added) {
  return (url, options) => fetch(url, { ...options, headers: { ...Object.fromEntries(new Headers(options.headers)), ...added } });
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

async function act(request) {
  const { issuer, client, headers } = request;
  const authentication = await authentications[client.method](client);
  const config = await oauth.discovery(new URL(issuer), client.id, undefined, authentication, {
    execute: [oauth.allowInsecureRequests, oauth.enableNonRepudiationChecks],
    [oauth.customFetch]: fetchWith(headers),
  });
  return actions[request.action](config, request);
}

function refusal(error) {
  const { error: code = error.code ?? error.name, error_description: description = error.message } = error;
  // Of an answer that is no OAuth error the library tells by its challenges alone (RFC 6750 section 3).
  const challenge = error.cause?.[0]?.parameters ?? {};
  return {
    error: challenge.error ?? code,
    error_description: challenge.error_description ?? description,
    status: error.status ?? error.response?.status,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await act(JSON.parse(line)).catch(refusal)));
}
