const ms = require('ms');

module.exports = function (user, context, cb) {
  const age = Date.now() - Date.parse(user.last_password_reset);
  console.log('password changed', ms(age), 'ago; would tell', context.webtask.secrets.WEBHOOK);
  // auth0.accessToken was used here once
  cb();
};
