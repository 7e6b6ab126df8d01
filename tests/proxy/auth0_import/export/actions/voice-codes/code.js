exports.onExecuteCustomPhoneProvider = async (event, api) => {
  if (event.notification.delivery_method === 'voice') {
    api.notification.drop('no voice here');
  }
};
