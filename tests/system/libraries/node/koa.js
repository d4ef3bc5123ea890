// koa-session, koa-redis.
import Koa from 'koa';
import redisStore from 'koa-redis';
import session from 'koa-session';
import { answer, browse, dataOf } from './steps.js';

const [host, port] = process.argv.slice(2);
const store = redisStore({ host, port: Number(port) });
const app = new Koa();
app.keys = ['the same for all'];
app.use(session({ store, maxAge: 1_000_000, rolling: true }, app));

const pages = {
  login: (context) => {
    context.session.user = context.query.user;
    context.session.maxAge = context.query.seconds * 1000;
    return true;
  },
  read: (context) => dataOf(context.session),
  write: (context) => {
    context.session[context.query.key] = context.query.value;
    return true;
  },
  touch: () => true,
  regenerate: async (context) => {
    await context.session.regenerate();
    return true;
  },
  logout: (context) => {
    context.session = null;
    return true;
  },
};
app.use(async (context) => {
  context.type = 'json';
  context.body = JSON.stringify(await pages[context.path.slice(1)](context));
});
const server = app.listen(0, '127.0.0.1', () => answer(browse(server.address().port)));
