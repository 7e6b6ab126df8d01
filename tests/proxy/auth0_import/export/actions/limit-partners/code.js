/**
 * @param {Event} event - Details about client credentials grant request.
 * @param {CredentialsExchangeAPI} api - Interface whose methods can be used to change the behavior of it.
 */
exports.onExecuteCredentialsExchange = async (event, api) => {
  if (event.client.metadata.plan === 'none') {
    api.access.deny('invalid_request', 'This client has no plan.');
    return;
  }
  api.accessToken.setCustomClaim(event.secrets.CLAIM_NAMESPACE + 'environment', '##ENV##');
};
