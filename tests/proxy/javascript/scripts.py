"""Scripts as they came from Auth0, that do what the request says."""

from __future__ import annotations

# `context.body.try` says how the hook ends.
EXCHANGE_HOOK = """
const jwt = require('jsonwebtoken@8.5.1'); // as webtask scripts pinned it

module.exports = function (client, scope, audience, context, cb) {
  var access_token = {};
  access_token.scope = scope; // do not remove this line
  access_token['https://example.com/plan'] = client.metadata.plan;
  access_token['https://example.com/alg'] = jwt.decode(jwt.sign({ a: 1 }, context.webtask.secrets.KEY), { complete: true }).header.alg;
  access_token.sub = 'somebody else';
  console.log('asked by', client.id, 'with', context.webtask.secrets.KEY);
  switch (context.body.try) {
    case 'drop': return cb(null, { 'https://example.com/plan': 'none' });
    case 'extra': access_token.scope.push('extra'); return cb(null, access_token);
    case 'forbidden': access_token.scope.push('forbidden'); return cb(null, access_token);
    case 'error': return cb(new Error('no luck'));
    case 'server': return cb(new ServerError('no luck'));
    case 'request': return cb(new InvalidRequestError('bad request'));
    case 'scope': return cb(new InvalidScopeError('bad scope'));
    case 'text': return cb('just text');
    case 'twice': cb(null, access_token); return cb(new Error('late'));
    case 'throw': return null.x;
    case 'loop': for (;;) {}
    case 'never': return;
    default: cb(null, access_token);
  }
};
"""
EXCHANGE_ACTION = """
exports.onExecuteCredentialsExchange = async (event, api) => {
  const seen = Number(api.cache.get('seen')?.value ?? 0) + 1;
  api.cache.set('seen', String(seen));
  api.accessToken.setCustomClaim('https://example.com/action', seen);
  api.accessToken.setCustomClaim('iss', 'https://elsewhere.example/');
  if (event.request.body.try === 'deny') api.access.deny('invalid_request', 'denied by an action').cache.delete('seen');
  if (event.request.body.try === 'reject') throw new Error('on purpose');
};
"""
SIGN_UP_HOOK = """
module.exports = function (user, context, cb) {
  if (/^deny/.test(user.email)) return cb(new PreUserRegistrationError('Denied ' + user.email, 'You cannot sign up.'));
  if (/^plain/.test(user.email)) return cb(new Error('plain'));
  if (/^throw/.test(user.email)) throw new Error('the inside');
  var metadata = { length: user.password.length, connection: context.connection.name };
  cb(null, { user: { user_metadata: metadata } });
};
"""
SIGN_UP_ACTION = """
exports.onExecutePreUserRegistration = async (event, api) => {
  if (event.user.email.startsWith('action')) api.access.deny('By an action', 'Not you.');
  api.user.setUserMetadata('from', event.request.ip).user.setUserMetadata('password', event.user.password === undefined);
};
"""
PHONE_HOOK = """
module.exports = function (recipient, text, context, cb) {
  if (recipient === '+4915112345678') return cb(new Error('the vendor is down'));
  if (recipient === '+4915112345679') return cb(new SendPhoneMessageError('on the list', 'We do not send there.'));
  cb(null, { MessageID: 'SM' + recipient.slice(-4) + context.code });
};
"""
