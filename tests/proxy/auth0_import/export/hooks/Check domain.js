const ms = require('ms@2.1.3');

module.exports = async function (user, context, cb) {
  const blocked = context.webtask.secrets['blocked-domains'].split(',');
  const domain = (user.email || '').split('@')[1];
  if (blocked.includes(domain)) {
    return cb(new PreUserRegistrationError('blocked domain ' + domain, 'Please use another address.'));
  }
  if (user.password && user.password.toLowerCase().includes(user.email.split('@')[0])) {
    return cb(new PreUserRegistrationError('password has the name in it', 'Choose another password.'));
  }
  cb(null, {
    user: {
      user_metadata: { ...user.user_metadata, newsletter: false },
      app_metadata: { trial_seconds: ms('14d') / 1000 },
    },
  });
};
