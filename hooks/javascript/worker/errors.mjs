// The error classes that Auth0 put into a script's scope, and errors as messages.

class ExtensibilityUserError extends Error {
  constructor(message) {
    super(message);
    own(this, "name", this.constructor.name);
  }
}

class InvalidRequestError extends ExtensibilityUserError {}
class InvalidScopeError extends ExtensibilityUserError {}
class ServerError extends ExtensibilityUserError {}

class PreUserRegistrationError extends ExtensibilityUserError {
  constructor(message, friendlyMessage = message) {
    super(message);
    this.friendlyMessage = friendlyMessage;
  }
}

class SendPhoneMessageError extends ExtensibilityUserError {
  constructor(message, friendlyMessage = message) {
    super(message);
    this.friendlyMessage = friendlyMessage;
  }
}

const CLASSES = {
  ExtensibilityUserError,
  InvalidRequestError,
  InvalidScopeError,
  ServerError,
  PreUserRegistrationError,
  SendPhoneMessageError,
};

const OF_REGISTRATION = ["PreUserRegistrationError"];
const BY_POINT = {
  "credentials-exchange": ["InvalidRequestError", "InvalidScopeError", "ServerError"],
  "pre-user-registration": OF_REGISTRATION,
  "post-user-registration": OF_REGISTRATION,
  "post-change-password": OF_REGISTRATION,
  "send-phone-message": ["SendPhoneMessageError"],
};

// As globals they can be declared again by a script, which some do.
export function injectClasses(point) {
  for (const name of ["ExtensibilityUserError", ...(BY_POINT[point] ?? [])]) {
    Object.defineProperty(globalThis, name, { value: CLASSES[name], writable: true, configurable: true });
  }
}

function own(error, name, value) {
  Object.defineProperty(error, name, { value, writable: true, configurable: true, enumerable: true });
}

// What a hook called back with, as an error: anything else than an error is wrapped, and loses what else it held.
export function asError(value) {
  return isError(value) ? value : new Error(value.message || String(value) || "Unknown error");
}

function isError(value) {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

const LONGEST = 16_384;

export function describe(error) {
  try {
    if (!isError(error)) return { message: cut(error?.message || String(error)) };
    const described = { message: cut(error.message), stack: cut(readableStack(error)) };
    const name = nameOf(error);
    if (name) described.name = name;
    const kind = error.constructor?.name || error.name;
    if (typeof kind === "string") described.kind = kind;
    if (typeof error.friendlyMessage === "string") described.friendlyMessage = cut(error.friendlyMessage);
    if (typeof error.missing === "string") described.missing = error.missing;
    return described;
  } catch {
    return { message: "The error could not be serialized." };
  }
}

// Auth0 went by a name of the error's own. A class that a script declares again need not set one.
function nameOf(error) {
  if (Object.hasOwn(error, "name") && typeof error.name === "string") return error.name;
  const kind = error.constructor?.name;
  return Object.hasOwn(CLASSES, kind) ? kind : undefined;
}

const HERE = new URL(".", import.meta.url);

// The stack without the frames of this program and of Node.js itself.
function readableStack(error) {
  const stack = typeof error.stack === "string" ? error.stack : `${error.name}: ${error.message}`;
  const foreign = [HERE.href, decodeURIComponent(HERE.pathname), "node:internal", "(node:", "at node:", "ext:"];
  return stack
    .split("\n")
    .filter((line) => !/^\s+at /.test(line) || !foreign.some((each) => line.includes(each)))
    .join("\n");
}

function cut(text) {
  return String(text).slice(0, LONGEST);
}
