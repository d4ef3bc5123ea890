// node-redis and ioredis over TLS, showing a certificate.
import { readFileSync } from 'node:fs';
import { createClient } from 'redis';
import Redis from 'ioredis';

const [port, ...files] = process.argv.slice(2);
const [ca, cert, key] = files.map((name) => readFileSync(name));
const value = 'x'.repeat(100000);

const nodeRedis = createClient({
  socket: { host: 'localhost', port: Number(port), tls: true, ca, cert, key },
});
await nodeRedis.connect();
await nodeRedis.set('s:1', value);
console.log('node-redis', (await nodeRedis.get('s:1')).length);
await nodeRedis.close();

const ioredis = new Redis({ host: 'localhost', port: Number(port), tls: { ca, cert, key } });
await ioredis.set('s:2', value);
console.log('ioredis', (await ioredis.get('s:2')).length);
await ioredis.quit();
