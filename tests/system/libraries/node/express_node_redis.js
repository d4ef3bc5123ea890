// express-session, connect-redis 9, node-redis in RESP3.
import { RedisStore } from 'connect-redis';
import { createClient } from 'redis';
import { serve } from './express_site.js';

const [host, port] = process.argv.slice(2);
const client = createClient({ socket: { host, port: Number(port) }, RESP: 3 });
await client.connect();
serve(new RedisStore({ client }));
