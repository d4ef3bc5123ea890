// AdonisJS: @adonisjs/session on @adonisjs/redis, which is ioredis 5.
import http from 'node:http';
import { IgnitorFactory } from '@adonisjs/core/factories';
import { defineConfig as redisConfig } from '@adonisjs/redis';
import { defineConfig as sessionConfig, stores } from '@adonisjs/session';
import { answer, browse, dataOf } from './steps.js';

const [host, port] = process.argv.slice(2);

const pages = {
  login: (session, { user }) => {
    session.put('user', user);
    return true;
  },
  read: (session) => dataOf(session.all()),
  write: (session, { key, value }) => {
    session.put(key, value);
    return true;
  },
  touch: () => true,
  regenerate: (session) => {
    session.regenerate();
    return true;
  },
  logout: (session) => {
    session.clear();
    return true;
  },
};

// How long sessions live is said to the application, so there is one for each lifetime.
async function serve(seconds) {
  const app = new IgnitorFactory()
    .withCoreProviders()
    .withCoreConfig()
    .merge({
      config: {
        redis: redisConfig({ connection: 'main', connections: { main: { host, port } } }),
        session: sessionConfig({
          age: `${seconds}s`,
          store: 'redis',
          stores: { redis: stores.redis({ connection: 'main' }) },
        }),
      },
      rcFileContents: {
        providers: [
          () => import('@adonisjs/redis/redis_provider'),
          () => import('@adonisjs/session/session_provider'),
        ],
      },
    })
    .create(new URL('./', import.meta.url), { importer: (path) => import(path) })
    .createApp('web');
  await app.init();
  await app.boot();
  const router = await app.container.make('router');
  router.get('/:page', ({ params, request, session }) =>
    JSON.stringify(pages[params.page](session, request.qs())),
  );
  const server = await app.container.make('server');
  server.use([() => import('@adonisjs/session/session_middleware')]);
  await server.boot();
  const listener = http.createServer(server.handle.bind(server));
  await new Promise((listening) => listener.listen(0, '127.0.0.1', listening));
  return browse(listener.address().port);
}

const site = await serve(1000);
answer({ ...site, login: async (...words) => (await serve(words[1])).login(...words) });
