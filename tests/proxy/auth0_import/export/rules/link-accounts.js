function linkAccounts(user, context, callback) {
  callback(null, user, context);
}
