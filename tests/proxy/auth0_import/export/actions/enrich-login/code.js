const _ = require('lodash');

exports.onExecutePostLogin = async (event, api) => {
  api.idToken.setCustomClaim('https://shop.example/roles', _.get(event, 'authorization.roles', []));
};
