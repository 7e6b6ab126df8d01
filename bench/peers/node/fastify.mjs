// A reverse proxy that adds a claim to the access token in answers of /oauth/token and signs it again.
// Arguments: port, upstream port, PEM file of an RSA key, claim, value.

import { readFileSync } from "node:fs";
import replyFrom from "@fastify/reply-from";
import Fastify from "fastify";
import { decodeJwt, decodeProtectedHeader, importPKCS8, SignJWT } from "jose";

const [port, upstream, keyFile, claim, value] = process.argv.slice(2);
const key = await importPKCS8(readFileSync(keyFile, "utf8"), "RS256");
const app = Fastify({ logger: false, bodyLimit: 64 * 1024 * 1024, keepAliveTimeout: 72_000 });

await app.register(replyFrom, { base: `http://127.0.0.1:${upstream}`, undici: { connections: 64, pipelining: 1 } });
app.removeAllContentTypeParsers();
app.addContentTypeParser("*", (request, payload, done) => done(null, payload));

app.post("/oauth/token", (request, reply) =>
  reply.from("/oauth/token", {
    onResponse: async (request, reply, response) => {
      const pieces = [];
      for await (const piece of response.stream) pieces.push(piece);
      const body = JSON.parse(Buffer.concat(pieces).toString());
      const claims = { ...decodeJwt(body.access_token), [claim]: value };
      const { typ } = decodeProtectedHeader(body.access_token);
      body.access_token = await new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "resigning", typ }).sign(key);
      reply.removeHeader("content-length");
      reply.send(JSON.stringify(body));
    },
  }),
);
app.all("/*", (request, reply) => reply.from(request.raw.url));

await app.listen({ host: "127.0.0.1", port: Number(port) });
process.once("SIGTERM", () => process.exit(0));
