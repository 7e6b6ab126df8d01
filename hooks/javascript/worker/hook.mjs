// Calls a hook: a function whose last argument is a callback.
import { asError } from "./errors.mjs";
import { webtask } from "./webtask.mjs";

const ARGUMENTS = {
  "credentials-exchange": (body) => [body.client, body.scope, body.audience, body.context],
  "pre-user-registration": (body) => [body.user, body.context],
  "post-user-registration": (body) => [body.user, body.context],
  "post-change-password": (body) => [body.user, body.context],
  "send-phone-message": (body) => [body.recipient, body.text, body.context],
};

export function callHook(hook, call, outside) {
  const { point, body } = call;
  const tools = webtask(call, outside);
  body.context = { ...body.context, webtask: tools };
  let called = false;
  const callback = (error, data) => {
    if (called) {
      outside.warn("The callback was called again; only the first call counts.");
      return;
    }
    called = true;
    if (error) outside.refuse(asError(error));
    else outside.answer(data === undefined && "user" in body ? {} : data);
  };
  let returned;
  try {
    returned = hook(...ARGUMENTS[point](body), callback);
  } catch (error) {
    if (called) outside.report(error, "after the callback");
    else outside.crash(error);
    return;
  }
  // What an async function returns is nobody's; what it throws before the callback would otherwise be a time-out.
  if (typeof returned?.then === "function") {
    returned.then(undefined, (error) => {
      if (called) outside.report(error, "after the callback");
      else outside.crash(error);
    });
  }
}
