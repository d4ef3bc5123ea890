// express-session, connect-redis 6, node-redis 4 with callbacks as in version 3.
import connectRedis from 'connect-redis-6';
import session from 'express-session';
import { createClient } from 'redis-client-4';
import { serve } from './express_site.js';

const [host, port] = process.argv.slice(2);
const client = createClient({ legacyMode: true, socket: { host, port: Number(port) } });
await client.connect();
serve(new (connectRedis(session))({ client }));
