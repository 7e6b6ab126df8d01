const { ManagementClient } = require('auth0');

exports.onExecuteCredentialsExchange = async (event, api) => {
  const management = new ManagementClient({ domain: event.secrets.DOMAIN });
  const client = await management.clients.get({ client_id: event.client.client_id });
  if (client.data.client_metadata.blocked) {
    api.access.deny('server_error', 'blocked');
  }
};
