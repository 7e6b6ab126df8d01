// better-auth's own client: reads {baseURL, action, body, headers} from stdin, a line of JSON each, and answers {data, error}.
import { createInterface } from 'node:readline';
import { createAuthClient } from 'better-auth/client';

const actions = {
  sign_up: (client, body, fetchOptions) => client.signUp.email(body, fetchOptions),
  change_password: (client, body, fetchOptions) => client.changePassword(body, fetchOptions),
  reset_password: (client, body, fetchOptions) => client.resetPassword(body, fetchOptions),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { baseURL, action, body, headers } = JSON.parse(line);
  const client = createAuthClient({ baseURL });
  let cookies = [];
  const onResponse = ({ response }) => void (cookies = response.headers.getSetCookie());
  const { data, error } = await actions[action](client, body, { headers, onResponse });
  console.log(JSON.stringify({ data, error, cookies }));
}
