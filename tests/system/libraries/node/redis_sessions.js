// redis-sessions, on node-redis 4: a hash each, and sorted sets of who was seen when. It reckons when
// a session ends by itself; the store is told no deadlines.
import redisSessions from 'redis-sessions';
import { answer, dataOf } from './steps.js';

const [host, port] = process.argv.slice(2);
const app = 'site';
const now = Date.now;
const library = new redisSessions.default({ host, port: Number(port), wipe: 0 });

async function read(token) {
  const session = await library.get({ app, token });
  return session ? dataOf({ user: session.id, ...session.d }) : null;
}

answer({
  // Ten seconds are the shortest: what is to live for one began nine seconds ago.
  login: async (user, seconds) => {
    const ttl = Math.max(seconds, 10);
    Date.now = () => now() - (ttl - seconds) * 1000;
    try {
      return (await library.create({ app, id: user, ip: '127.0.0.1', ttl })).token;
    } finally {
      Date.now = now;
    }
  },
  read,
  write: async (token, key, value) =>
    (await library.set({ app, token, d: { [key]: value } })).d[key] === value,
  touch: async (token) => (await read(token)) !== null,
  logout: async (token) => (await library.kill({ app, token })).kill === 1,
  count: async () => {
    const { sessions } = await library.soapp({ app, deltaTime: 1000 });
    return sessions.map(({ id }) => id).sort();
  },
});
