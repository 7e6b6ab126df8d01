exports.onExecutePreUserRegistration = async (event, api) => {
  api.user.setUserMetadata('language', event.request.language || 'en');
  api.user.setAppMetadata('signed_up_with', event.connection.name);
};
