// Answers the steps of ../README.md: a line of words each on standard input, a line of JSON each on
// standard output.
import readline from 'node:readline';

export async function answer(steps) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [step, ...words] = line.split(' ');
    console.log(JSON.stringify(await steps[step](...words)));
  }
  process.exit(0);
}

// The steps, asked of a site as browsers do; a session's id is the cookie. The port it listens on is
// its own.
export function browse(port) {
  async function ask(path, cookie) {
    const url = `http://127.0.0.1:${port}/${path}`;
    const response = await fetch(url, { headers: cookie ? { cookie } : {} });
    const body = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${body}`);
    const cookies = response.headers.getSetCookie().map((line) => line.split(';')[0]);
    return { body: JSON.parse(body), cookie: cookies.join(';') };
  }
  return {
    login: async (user, seconds) => (await ask(`login?user=${user}&seconds=${seconds}`)).cookie,
    read: async (id) => (await ask('read', id)).body,
    write: async (id, key, value) => (await ask(`write?key=${key}&value=${value}`, id)).body,
    touch: async (id) => (await ask('touch', id)).body,
    regenerate: async (id) => (await ask('regenerate', id)).cookie,
    logout: async (id) => (await ask('logout', id)).body,
    count: async () => (await ask('count')).body,
  };
}

// A session without what the library keeps in it for itself, or null if nobody is logged in.
export function dataOf(session) {
  if (!session?.user) return null;
  const { user, cart } = session;
  return cart === undefined ? { user } : { user, cart };
}
