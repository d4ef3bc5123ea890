// express-session, connect-redis 8 (the last for ioredis), ioredis.
import { RedisStore } from 'connect-redis-8';
import Redis from 'ioredis-6';
import { serve } from './express_site.js';

const [host, port] = process.argv.slice(2);
serve(new RedisStore({ client: new Redis({ host, port: Number(port) }) }));
