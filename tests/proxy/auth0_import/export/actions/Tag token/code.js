const ms = require('ms');

exports.onExecuteCredentialsExchange = async (event, api) => {
  api.accessToken
    .setCustomClaim('https://shop.example/client', event.client.name)
    .accessToken.setCustomClaim('https://shop.example/review_after', ms('1d'));
};
