module.exports = function (recipient, text, context, cb) {
  if (!recipient.startsWith('+1')) {
    return cb(new SendPhoneMessageError('only numbers of North America'));
  }
  // An application would call its provider here, with this key.
  const key = context.webtask.secrets.API_KEY;
  cb(null, { message_id: 'acme-' + key.length + '-' + context.message_type });
};
