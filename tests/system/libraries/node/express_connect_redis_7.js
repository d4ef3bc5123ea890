// express-session, connect-redis 7, node-redis 4.
import RedisStore from 'connect-redis-7';
import { createClient } from 'redis-client-4';
import { serve } from './express_site.js';

const [host, port] = process.argv.slice(2);
const client = createClient({ socket: { host, port: Number(port) } });
await client.connect();
serve(new RedisStore({ client }));
