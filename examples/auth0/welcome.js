// An Action of Auth0's at pre-user-registration, as it ran there:
//
//   [[hooks]]
//   run = "auth0/welcome.js"
//   secrets = { DENIED = "example.org" }

exports.onExecutePreUserRegistration = async (event, api) => {
  const domain = event.user.email.split("@")[1];
  if (domain === event.secrets.DENIED) {
    api.access.deny(`${domain} is on the list`, "You cannot sign up with this address.");
    return;
  }
  api.user.setUserMetadata("language", event.request.language || "en");
};
