// ioredis: told of messages by its channel and by a pattern.
import assert from 'node:assert/strict';
import Redis from 'ioredis';

const [host, port, password] = process.argv.slice(2);
const client = new Redis({ host, port: Number(port), password });
const subscriber = client.duplicate();
assert.equal(await subscriber.subscribe('news', 'other'), 2);
assert.equal(await subscriber.psubscribe('ne*'), 3);
const heard = [];
await new Promise((done) => {
  const hear = (...words) => {
    heard.push(words);
    if (heard.length === 2) done();
  };
  subscriber.on('message', hear);
  subscriber.on('pmessage', hear);
  client.publish('news', 'hello').then((receivers) => assert.equal(receivers, 2));
});
assert.deepEqual(heard, [['news', 'hello'], ['ne*', 'news', 'hello']]);
assert.deepEqual(await subscriber.ping('x'), ['pong', 'x']);
await subscriber.unsubscribe('news', 'other');
await subscriber.punsubscribe();
assert.equal(await subscriber.set('s:1', 'alice'), 'OK');
assert.deepEqual(await client.pubsub('CHANNELS', 'new*'), []);
await Promise.all([client.quit(), subscriber.quit()]);
console.log('all is well');
