// ID tokens that carry the hash of the access token beside them (OpenID Connect Core section 3.1.3.6), as Hydra's do. By itself
// oidc-provider writes it at the authorization endpoint only.
import { createHash } from 'node:crypto';
import Provider from 'oidc-provider';

/** Make a provider whose ID tokens are signed with RS256 do so at the token endpoint. */
export function bindIdTokens(provider) {
  const accessTokens = new WeakMap();
  const { save } = provider.AccessToken.prototype;
  provider.AccessToken.prototype.save = async function saveAndRemember(...ttl) {
    const value = await save.apply(this, ttl);
    if (Provider.ctx) accessTokens.set(Provider.ctx, value);
    return value;
  };
  const { issue } = provider.IdToken.prototype;
  provider.IdToken.prototype.issue = function issueBound(options) {
    const accessToken = accessTokens.get(this.ctx);
    if (accessToken) this.set('at_hash', createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url'));
    return issue.call(this, options);
  };
}
