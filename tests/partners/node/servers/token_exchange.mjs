// The grant of RFC 8693 for oidc-provider, which has none: an access token of this server in return for another one.
import { createLocalJWKSet, jwtVerify } from 'jose';
import { errors } from 'oidc-provider';

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const PARAMETERS = ['subject_token', 'subject_token_type', 'requested_token_type', 'scope', 'resource', 'audience'];

/** Register the grant; `keys` are the server's own and `describeResource` says what a resource's tokens look like. */
export function allowTokenExchange(provider, keys, describeResource) {
  const keySet = createLocalJWKSet({ keys: keys.map(({ d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...key }) => key) });

  /** Who a token is for, when it is one of this server's that is still good. */
  async function subjectOf(token) {
    if (token.split('.').length === 3) {
      const { payload } = await jwtVerify(token, keySet, { issuer: provider.issuer });
      return payload.sub;
    }
    const found = await provider.AccessToken.find(token);
    if (!found?.isValid) throw new Error('the token is not known or not good');
    return found.accountId;
  }

  async function exchange(ctx) {
    const { client, params } = ctx.oidc;
    if (params.subject_token_type !== ACCESS_TOKEN) throw new errors.InvalidRequest('only access tokens are taken');
    const accountId = await subjectOf(params.subject_token ?? '').catch((error) => {
      throw new errors.InvalidRequest(`subject_token: ${error.message}`);
    });
    const token = new provider.AccessToken({ accountId, client, gty: 'token_exchange', scope: params.scope });
    token.resourceServer = new provider.ResourceServer(params.resource, describeResource(ctx, params.resource));
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: ACCESS_TOKEN,
      token_type: token.tokenType,
      expires_in: token.expiration,
      scope: token.scope,
    };
  }

  provider.registerGrantType(GRANT_TYPE, exchange, PARAMETERS);
}
