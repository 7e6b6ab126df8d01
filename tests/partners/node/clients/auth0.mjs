// Auth0's own clients: `auth0` (database and password grant) and `@auth0/auth0-auth-js` (second factors). Input, a line each: origin,
// client {id, secret}, action (a name below) and its options. Output, a line each: {answer}, or {error, message, status, body}.
import { createInterface } from 'node:readline';
import { AuthClient } from '@auth0/auth0-auth-js';
import { AuthenticationClient } from 'auth0';

/** Both clients know https only; the servers of the tests are on the loopback interface. */
function fetchFrom(origin) {
  const { host, protocol } = new URL(origin);
  return (url, options) => fetch(String(url).replace(`https://${host}`, `${protocol}//${host}`), options);
}

const actions = {
  sign_up: ({ auth0 }, options) => auth0.database.signUp(options),
  change_password: ({ auth0 }, options) => auth0.database.changePassword(options),
  log_in: ({ auth0 }, options) => auth0.oauth.passwordGrant(options),
  sign_up_js: async ({ js }, options) => ({ data: await js.database.signUp(options) }),
  authenticators: async ({ js }, options) => ({ data: await js.mfa.listAuthenticators(options) }),
  enroll: async ({ js }, options) => ({ data: await js.mfa.enrollAuthenticator(options) }),
  challenge: async ({ js }, options) => ({ data: await js.mfa.challengeAuthenticator(options) }),
  verify: async ({ js }, options) => ({ data: { ...(await js.mfa.verify(options)) } }),
  remove: async ({ js }, options) => ({ data: (await js.mfa.deleteAuthenticator(options)) ?? null }),
};

async function act({ origin, client, action, options }) {
  const { host: domain } = new URL(origin);
  const settings = { domain, clientId: client.id, clientSecret: client.secret };
  const auth0 = new AuthenticationClient({ ...settings, fetch: fetchFrom(origin) });
  const js = new AuthClient({ ...settings, customFetch: fetchFrom(origin) });
  return { answer: (await actions[action]({ auth0, js }, options)).data };
}

function refusal(error) {
  return {
    error: error.cause?.error ?? error.error ?? error.name,
    message: error.message,
    status: error.statusCode ?? null,
    body: error.body ?? null,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await act(JSON.parse(line)).catch(refusal)));
}
