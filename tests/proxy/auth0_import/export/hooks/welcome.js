module.exports = function (user, context, cb) {
  console.log('welcome, user', user.id, 'of', context.connection.name);
  cb(null, { told: user.email });
};
