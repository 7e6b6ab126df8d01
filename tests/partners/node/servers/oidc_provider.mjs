// A real oidc-provider. Settings: issuer (null: its own address), secret [name, value], clients (client metadata),
// nonceClient (the id of a client whose DPoP proofs must carry a nonce), bindsIdTokens (whether ID tokens carry at_hash).
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';
import { bindIdTokens } from './at_hash.mjs';
import { Counts, guarded, listen, openControl, readSettings, ready } from './loopback.mjs';
import { allowTokenExchange } from './token_exchange.mjs';

const settings = await readSettings();
const counts = new Counts();
const { server, url } = await listen();
const issuer = settings.issuer ?? url;

function privateJwk(kid, use, alg, type, options) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), kid, use, alg };
}

// The last part of a resource's host name chooses what its access tokens look like.
const signed = (alg) => ({ accessTokenFormat: 'jwt', jwt: { sign: { alg } } });
const formats = {
  rs256: signed('RS256'),
  es256: signed('ES256'),
  eddsa: signed('EdDSA'),
  opaque: { accessTokenFormat: 'opaque' },
  encrypted: {
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'RS256' }, encrypt: { alg: 'dir', enc: 'A128CBC-HS256', key: Buffer.alloc(32, 7) } },
  },
};

const keys = [
  privateJwk('rs-1', 'sig', 'RS256', 'rsa', { modulusLength: 2048 }),
  privateJwk('es-1', 'sig', 'ES256', 'ec', { namedCurve: 'P-256' }),
  privateJwk('ed-1', 'sig', 'EdDSA', 'ed25519', {}),
];

function describeResource(_ctx, resource) {
  const format = formats[new URL(resource).hostname.split('.')[0]];
  return { scope: 'api:read api:write', audience: resource, accessTokenTTL: 3600, ...format };
}

const provider = new Provider(issuer, {
  jwks: { keys },
  clients: settings.clients,
  routes: { token: '/oauth/token', jwks: '/.well-known/jwks.json', revocation: '/oauth/revoke', introspection: '/oauth/introspect' },
  scopes: ['openid', 'offline_access', 'api:read', 'api:write'],
  cookies: { keys: ['partners'] },
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
  pkce: { required: () => true },
  issueRefreshToken: (_ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 9), requireNonce: (ctx) => ctx.oidc.client?.clientId === settings.nonceClient },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: describeResource,
    },
  },
});
provider.proxy = true;
allowTokenExchange(provider, keys, describeResource);
if (settings.bindsIdTokens) bindIdTokens(provider);
provider.on('server_error', (_ctx, error) => console.error(error));
provider.use(async (ctx, next) => {
  await next();
  // Set by the router of oidc-provider, whatever spelling of the path it accepted.
  if (ctx.oidc?.route) counts.add(ctx.oidc.route);
});

server.on('request', guarded(settings.secret, counts, provider.callback()));
ready({ url, issuer, control: await openControl(counts) });
