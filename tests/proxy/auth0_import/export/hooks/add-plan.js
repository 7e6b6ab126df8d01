/**
@param {object} client - information about the client
@param {array|undefined} scope - what was granted
@param {string} audience - the API
@param {object} context - secrets are in context.webtask.secrets
@param {function} cb - (error, accessTokenClaims)
*/
module.exports = function (client, scope, audience, context, cb) {
  if (client.metadata.suspended === 'yes') {
    return cb(new InvalidRequestError('This client is suspended.'));
  }
  var access_token = {};
  access_token.scope = (scope || []).filter(function (each) { return each !== 'debug'; });
  access_token.scope.push('orders:read');
  access_token[context.webtask.secrets.CLAIM_NAMESPACE + 'plan'] = client.metadata.plan || 'free';
  access_token['https://shop.example/audience'] = audience;
  console.log('plan of', client.name, 'is', client.metadata.plan);
  cb(null, access_token);
};
