// A Hook of Auth0's at credentials-exchange, as it ran there:
//
//   [[hooks]]
//   run = "auth0/add-plan.js"
//   trigger = "credentials-exchange"

module.exports = function (client, scope, audience, context, cb) {
  if (client.metadata.suspended === "yes") {
    return cb(new InvalidRequestError("This client is suspended."));
  }
  var access_token = {};
  access_token.scope = scope; // left out, the token has no scope
  access_token["https://example.com/plan"] = client.metadata.plan || "free";
  cb(null, access_token);
};
