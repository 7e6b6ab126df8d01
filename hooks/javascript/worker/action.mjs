// Calls an Action: an async function of an event and an api, whose methods are recorded and applied when it has ended.
import { cacheOf } from "./cache.mjs";

export function callAction(action, call, outside) {
  const commands = [];
  const cache = cacheOf(call.cache ?? {}, call.now);
  const record = (api, name) => (...values) => {
    commands.push([name, ...values.map(snapshot)]);
    return api;
  };
  settle(
    () => action({ ...call.event, secrets: call.secrets }, apiOf(call.point, record, cache.api)),
    () => outside.answer({ commands, cache: cache.writes }),
    outside,
  );
}

export function callFirstGeneration(action, call, outside) {
  const context = { secrets: call.secrets, webtask: { secrets: call.secrets } };
  settle(
    () => action({ ...call.event, secrets: call.secrets }, context),
    (answer) => outside.answer({ returned: answer ?? null }),
    outside,
  );
}

function settle(run, done, outside) {
  let running;
  try {
    running = run();
  } catch (error) {
    outside.crash(error);
    return;
  }
  if (typeof running?.then === "function") running.then(done, outside.crash);
  else done(running);
}

const METHODS = {
  "credentials-exchange": {
    access: { deny: "deny" },
    accessToken: { setCustomClaim: "claim" },
    transaction: {
      addTargetScope: "add_scope",
      removeTargetScope: "remove_scope",
      setTargetScopes: "set_scopes",
      clearTargetScopes: "clear_scopes",
    },
  },
  "pre-user-registration": {
    access: { deny: "deny" },
    user: { setUserMetadata: "user_metadata", setAppMetadata: "app_metadata" },
    validation: { error: "invalid" },
  },
  "custom-phone-provider": { notification: { retry: "retry", drop: "drop" } },
};

function apiOf(point, record, cache) {
  const api = { cache };
  for (const [group, methods] of Object.entries(METHODS[point] ?? {})) {
    api[group] = {};
    for (const [method, name] of Object.entries(methods)) api[group][method] = record(api, name);
  }
  return api;
}

// A value as it is now, whatever the Action does with it afterwards.
function snapshot(value) {
  if (value === undefined) return null;
  return typeof value === "object" && value !== null ? JSON.parse(JSON.stringify(value) ?? "null") : value;
}
