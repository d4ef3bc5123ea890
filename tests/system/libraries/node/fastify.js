// @fastify/session, connect-redis 9, node-redis in RESP2.
import cookie from '@fastify/cookie';
import session from '@fastify/session';
import { RedisStore } from 'connect-redis';
import Fastify from 'fastify';
import { createClient } from 'redis';
import { answer, browse, dataOf } from './steps.js';

const [host, port] = process.argv.slice(2);
const client = createClient({ socket: { host, port: Number(port) } });
await client.connect();
const store = new RedisStore({ client });

const app = Fastify();
app.register(cookie);
app.register(session, {
  store,
  secret: 'the same for all, and of 32 letters at least',
  saveUninitialized: false,
  cookie: { secure: false, maxAge: 1_000_000 },
});
app.get('/login', async (request) => {
  await request.session.regenerate();
  request.session.user = request.query.user;
  request.session.options({ maxAge: request.query.seconds * 1000 });
  return true;
});
app.get('/read', async (request) => JSON.stringify(dataOf(request.session)));
app.get('/write', async (request) => {
  request.session[request.query.key] = request.query.value;
  return true;
});
app.get('/touch', async (request) => true);
app.get('/regenerate', async (request) => {
  await request.session.regenerate(['user', 'cart']);
  return true;
});
app.get('/logout', async (request) => {
  await request.session.destroy();
  return true;
});
await app.listen({ host: '127.0.0.1', port: 0 });
answer(browse(app.server.address().port));
