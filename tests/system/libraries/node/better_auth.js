// better-auth: its sessions in @better-auth/redis-storage, on ioredis 5; its users in memory. Its limits
// of requests are counted by a script: here those of whoever logs out.
import { betterAuth } from 'better-auth';
import { redisStorage } from '@better-auth/redis-storage';
import Redis from 'ioredis';
import { answer, dataOf } from './steps.js';

const [host, port] = process.argv.slice(2);
const storage = redisStorage({ client: new Redis({ host, port: Number(port) }) });
const origin = 'http://localhost';

// How long sessions live is said to all of it; each time they are used they live so long again. The
// store is told the whole seconds that are left, so of one second it would be told nothing.
function serve(seconds) {
  return betterAuth({
    baseURL: origin,
    secret: 'the same for all, and of 32 letters at least',
    secondaryStorage: storage,
    emailAndPassword: { enabled: true },
    session: {
      expiresIn: Math.max(seconds - 1, 2),
      updateAge: 0,
      additionalFields: { cart: { type: 'string', required: false } },
    },
    rateLimit: {
      enabled: true,
      storage: 'secondary-storage',
      customRules: { '/sign-out': { window: 1000, max: 1000 }, '/**': false },
    },
    telemetry: { enabled: false },
  });
}

async function ask(site, path, cookie, body) {
  const from = { origin, 'x-forwarded-for': '10.0.0.1' };
  const headers = { ...from, 'content-type': 'application/json', ...(cookie && { cookie }) };
  const wanted = { method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body) };
  const response = await site.handler(new Request(`${origin}/api/auth/${path}`, wanted));
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response;
}

const site = serve(1000);

async function read(cookie) {
  const found = await (await ask(site, 'get-session', cookie)).json();
  return found && dataOf({ user: found.user.name, cart: found.session.cart ?? undefined });
}

answer({
  login: async (name, seconds) => {
    const user = { name, email: `${name}@localhost.test`, password: 'not a secret' };
    const response = await ask(serve(seconds), 'sign-up/email', null, user);
    return response.headers.getSetCookie()[0].split(';')[0];
  },
  read,
  write: async (cookie, key, value) => (await ask(site, 'update-session', cookie, { [key]: value })).ok,
  touch: async (cookie) => (await read(cookie)) !== null,
  logout: async (cookie) => (await ask(site, 'sign-out', cookie, {})).ok,
  count: async () => {
    const keys = (await storage.listKeys()).filter((key) => !/^active-sessions-|[|]/.test(key));
    const sessions = await Promise.all(keys.map((key) => storage.get(key)));
    return sessions.map((text) => JSON.parse(text).user.name).sort();
  },
});
