// `context.webtask`, as far as it makes sense outside of Auth0's platform.

export function webtask(call, outside) {
  const { body, secrets, request } = call;
  const text = JSON.stringify(body);
  return {
    id: request.id,
    secrets,
    data: { ...secrets },
    body: JSON.parse(text),
    body_raw: text,
    headers: request.headers,
    query: {},
    params: {},
    meta: {},
    token: "",
    storage: storage(outside),
    create_token: (_, callback) => callback(onPlatformOnly("create_token")),
    create_token_url: (_, callback) => callback(onPlatformOnly("create_token_url")),
  };
}

function onPlatformOnly(name) {
  return new Error(`${name} is part of Auth0's platform and does nothing here.`);
}

// One JSON value for each script. Writing needs the etag of what was read, or `force`.
function storage(outside) {
  let etag;
  return {
    get(...given) {
      const callback = given.pop();
      outside.ask({ storage: "get" }).then((answer) => {
        etag = answer.etag;
        callback(null, answer.data);
      }, callback);
    },
    set(data, ...given) {
      const callback = given.pop();
      const options = given[0] ?? {};
      outside.ask({ storage: "set", data, etag: options.etag ?? etag ?? null, force: options.force ? true : false }).then((answer) => {
        if (!answer.conflict) {
          etag = answer.etag;
          callback(null);
          return;
        }
        const error = new Error("The data was changed by somebody else; read it again, or use force.");
        error.code = 409;
        error.conflict = answer.data ?? null;
        callback(error);
      }, callback);
    },
  };
}
