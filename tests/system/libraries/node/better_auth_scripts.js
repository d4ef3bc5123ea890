// better-auth's storage where a server has no GETDEL: it takes values by a script, and counts by another.
import { redisStorage } from '@better-auth/redis-storage';
import Redis from 'ioredis';
import { answer } from './steps.js';

const [host, port] = process.argv.slice(2);
const storage = redisStorage({ client: new Redis({ host, port: Number(port) }) });

answer({
  put: async (key, value) => (await storage.set(key, value, 300)) ?? true,
  take: (key) => storage.getAndDelete(key),
  count: (key, seconds) => storage.increment(key, Number(seconds)),
});
