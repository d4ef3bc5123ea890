// node-redis: told of messages by its channel and by a pattern, in RESP2 and in RESP3.
import assert from 'node:assert/strict';
import { createClient } from 'redis';

const [host, port, password] = process.argv.slice(2);

async function listen(RESP, greet) {
  const client = createClient({ socket: { host, port: Number(port) }, password, RESP });
  const subscriber = client.duplicate();
  await Promise.all([client.connect(), subscriber.connect()]);
  const heard = [];
  await new Promise((done) => {
    const hear = (message, channel) => {
      heard.push([channel, message]);
      if (heard.length === 3) done();
    };
    subscriber.subscribe('news', hear)
      .then(() => subscriber.pSubscribe('ne*', hear))
      .then(() => subscriber.sSubscribe('news', hear))
      .then(async () => {
        await greet(client);
        assert.equal(await client.sPublish('news', 'shard'), 1);
      });
  });
  assert.deepEqual(heard.sort(), [['news', 'hello'], ['news', 'hello'], ['news', 'shard']]);
  if (RESP === 3) {
    // The same connection may do anything.
    assert.equal(await subscriber.set('s:1', 'alice'), 'OK');
  } else {
    await subscriber.unsubscribe('news');
    await subscriber.pUnsubscribe('ne*');
    await subscriber.sUnsubscribe('news');
    assert.deepEqual(await client.pubSubChannels('new*'), []);
    assert.equal(await subscriber.get('nobody'), null);
  }
  subscriber.destroy();
  await client.close();
}

const publish = async (client) => assert.equal(await client.publish('news', 'hello'), 2);
await listen(3, publish);
await listen(2, publish);
console.log('all is well');
