// A real better-auth with its OAuth provider: users, passwords, phone numbers, second factors and tokens. Settings: publicUrl (null:
// its own address), secret [name, value], clients, loginClient (the id of the one for users), redirectUri, resources, webhook (null:
// nowhere; else it gets {to, code} by POST, with webhookHeaders).
import { randomBytes } from 'node:crypto';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { createAuthMiddleware } from 'better-auth/api';
import { getAuthTables } from 'better-auth/db';
import { betterAuth } from 'better-auth/minimal';
import { toNodeHandler } from 'better-auth/node';
import { jwt } from 'better-auth/plugins/jwt';
import { phoneNumber } from 'better-auth/plugins/phone-number';
import { twoFactor } from 'better-auth/plugins/two-factor';
import { oauthProvider } from '@better-auth/oauth-provider';
import { Counts, guarded, listen, openControl, readSettings, ready } from './loopback.mjs';

const MACHINE_SCOPES = ['api:read', 'api:write'];
const SCOPES = ['openid', 'profile', 'email', 'offline_access', ...MACHINE_SCOPES];
const COUNTED = { '/oauth2/token': 'token', '/jwks': 'jwks' };

const settings = await readSettings();
const counts = new Counts();
const { server, url } = await listen();
const publicUrl = settings.publicUrl ?? url;
const mails = [];

/** Hand a code to whoever delivers text messages. */
async function deliver(to, code) {
  counts.add('codes');
  if (settings.webhook === null) return;
  const answer = await fetch(settings.webhook, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...settings.webhookHeaders },
    body: JSON.stringify({ to, code }),
  });
  if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
}

const options = {
  baseURL: publicUrl,
  secret: randomBytes(32).toString('hex'),
  trustedOrigins: [publicUrl, url],
  emailAndPassword: {
    enabled: true,
    sendResetPassword: async ({ user, token }) => void mails.push({ to: user.email, token }),
  },
  user: { additionalFields: { userMetadata: { type: 'json', required: false } } },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: 'error' },
  // The jwt plugin would hand out tokens of its own there.
  disabledPaths: ['/token'],
  plugins: [
    jwt(),
    phoneNumber({ sendOTP: ({ phoneNumber: to, code }) => deliver(to, code) }),
    twoFactor({ otpOptions: { sendOTP: ({ user, otp }) => deliver(user.phoneNumber ?? user.email, otp) } }),
    oauthProvider({
      loginPage: '/sign-in',
      consentPage: '/consent',
      scopes: SCOPES,
      resources: settings.resources.map((identifier) => ({ identifier, allowedScopes: SCOPES })),
      silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
    }),
  ],
  hooks: {
    before: createAuthMiddleware(async ({ path }) => {
      // The path of the route that was found, whatever spelling of it the router accepted.
      counts.add(COUNTED[path] ?? path);
    }),
  },
};
const tables = Object.values(getAuthTables(options)).map(({ modelName }) => [modelName, []]);
const auth = betterAuth({ ...options, database: memoryAdapter(Object.fromEntries(tables)) });
const { adapter } = await auth.$context;

/** Add a client as an administrator would; nothing that clients can do themselves grants machine scopes. */
async function register({ id, secret, method }) {
  const forUsers = id === settings.loginClient;
  await adapter.create({
    model: 'oauthClient',
    data: {
      clientId: id,
      clientSecret: await hashed(secret),
      tokenEndpointAuthMethod: method,
      redirectUris: forUsers ? [settings.redirectUri] : [],
      grantTypes: forUsers ? ['authorization_code', 'refresh_token'] : ['client_credentials'],
      responseTypes: forUsers ? ['code'] : [],
      scopes: forUsers ? SCOPES : MACHINE_SCOPES,
      clientCredentialsScopes: forUsers ? [] : MACHINE_SCOPES,
      skipConsent: forUsers,
    },
  });
  for (const resourceId of settings.resources) {
    await adapter.create({ model: 'oauthClientResource', data: { clientId: id, resourceId } });
  }
}

/** As the plugin stores secrets of clients. */
async function hashed(secret) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret));
  return Buffer.from(digest).toString('base64url');
}

for (const client of settings.clients) await register(client);

const answer = toNodeHandler(auth);
server.on('request', guarded(settings.secret, counts, (request, response) => {
  // Discovery is answered before the routes, and before the hooks that count these.
  if (request.url.split('?')[0].endsWith('/.well-known/openid-configuration')) counts.add('discovery');
  answer(request, response);
}));
ready({ url, issuer: `${publicUrl}/api/auth`, control: await openControl(counts, { mails: () => mails }) });
