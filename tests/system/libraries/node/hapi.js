// hapi with yar, whose sessions are in a cache: catbox-redis, on ioredis 5.
import { Engine } from '@hapi/catbox-redis';
import Hapi from '@hapi/hapi';
import yar from '@hapi/yar';
import { answer, browse, dataOf } from './steps.js';

const [host, port] = process.argv.slice(2);

const stateOf = (session) => ({ user: session.get('user'), cart: session.get('cart') ?? undefined });

const pages = {
  login: (session, { user }) => {
    session.reset();
    session.set({ user });
    return true;
  },
  read: (session) => dataOf(stateOf(session)),
  write: (session, { key, value }) => {
    session.set(key, value);
    return true;
  },
  touch: (session) => {
    session.touch();
    return true;
  },
  regenerate: (session) => {
    const state = stateOf(session);
    session.reset();
    session.set(state);
    return true;
  },
  logout: (session) => {
    session.reset();
    return true;
  },
};

// How long sessions live is said to the cache, so there is a site for each lifetime.
async function serve(seconds) {
  const site = Hapi.server({
    host: '127.0.0.1',
    port: 0,
    cache: [
      {
        name: 'sessions',
        provider: {
          constructor: Engine,
          options: { host, port: Number(port), partition: 'site' },
        },
      },
    ],
  });
  await site.register({
    plugin: yar,
    options: {
      cache: { cache: 'sessions', expiresIn: seconds * 1000 },
      cookieOptions: { isSecure: false, password: 'the same for all, and of 32 letters at least' },
      maxCookieSize: 0,
      storeBlank: false,
    },
  });
  site.route({
    method: 'GET',
    path: '/{page}',
    handler: ({ params, query, yar: session }, h) =>
      h.response(JSON.stringify(pages[params.page](session, query))),
  });
  await site.start();
  return browse(site.info.port);
}

const site = await serve(1000);
answer({ ...site, login: async (...words) => (await serve(words[1])).login(...words) });
