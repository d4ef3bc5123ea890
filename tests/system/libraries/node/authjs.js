// Auth.js with its Upstash adapter. That speaks HTTP, so in front of the store is a bridge, as those
// have who use it with a store of their own. Sessions end by a date in them; the store is told none.
import http from 'node:http';
import { Auth } from '@auth/core';
import { UpstashRedisAdapter } from '@auth/upstash-redis-adapter';
import { Redis as Upstash } from '@upstash/redis';
import Redis from 'ioredis';
import { answer, dataOf } from './steps.js';

const [host, port] = process.argv.slice(2);
const store = new Redis({ host, port: Number(port) });
const bridge = http.createServer(async (request, response) => {
  const parts = await request.toArray();
  const result = await store.call(...JSON.parse(Buffer.concat(parts)));
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ result }));
});
await new Promise((listening) => bridge.listen(0, '127.0.0.1', listening));
const adapter = UpstashRedisAdapter(
  new Upstash({
    url: `http://127.0.0.1:${bridge.address().port}`,
    token: 'none',
    enableAutoPipelining: false,
    enableTelemetry: false,
  }),
);

const site = 'http://localhost/auth';
const config = {
  adapter,
  basePath: '/auth',
  callbacks: {
    session: ({ session, user }) => ({ user: user.name, cart: session.cart }),
  },
  providers: [],
  secret: 'the same for all',
  session: { strategy: 'database', maxAge: 1000, updateAge: 0 },
  trustHost: true,
  useSecureCookies: false,
};
const sessionCookie = (token) => `authjs.session-token=${token}`;

// Reading is use: it puts the end of the session off.
async function read(token) {
  const request = new Request(`${site}/session`, { headers: { cookie: sessionCookie(token) } });
  const session = await (await Auth(request, config)).json();
  return session ? dataOf(session) : null;
}

async function logout(token) {
  const given = await Auth(new Request(`${site}/csrf`), config);
  const csrf = given.headers.getSetCookie()[0].split(';')[0];
  const request = new Request(`${site}/signout`, {
    method: 'POST',
    headers: { cookie: `${sessionCookie(token)}; ${csrf}`, 'X-Auth-Return-Redirect': '1' },
    body: new URLSearchParams(await given.json()),
  });
  return (await Auth(request, config)).ok;
}

answer({
  login: async (name, seconds) => {
    const user = await adapter.createUser({ name, email: `${name}@localhost`, emailVerified: null });
    const expires = new Date(Date.now() + seconds * 1000);
    const sessionToken = crypto.randomUUID();
    await adapter.createSession({ sessionToken, userId: user.id, expires });
    return sessionToken;
  },
  read,
  write: async (sessionToken, key, value) =>
    (await adapter.updateSession({ sessionToken, [key]: value }))[key] === value,
  touch: async (token) => (await read(token)) !== null,
  logout,
});
