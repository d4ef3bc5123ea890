// express-session, connect-redis 9, node-redis 6 as it comes: RESP3, and it asks for notices of maintenance.
import { RedisStore } from 'connect-redis';
import { createClient } from 'redis-client-6';
import { serve } from './express_site.js';

const [host, port] = process.argv.slice(2);
const client = createClient({ socket: { host, port: Number(port) } });
await client.connect();
serve(new RedisStore({ client }));
