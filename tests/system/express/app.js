// A web app that keeps its sessions in Sojourn: log in, who am I, log out.
// Usage: node app.js SOCKET REDIS_URL NAME [RESP_VERSION]; listens on the Unix socket.

import { RedisStore } from "connect-redis";
import express from "express";
import session from "express-session";
import { createClient } from "redis";

const [socket, url, name, version = "2"] = process.argv.slice(2);

const client = createClient({
  url,
  RESP: Number(version),
  // Sojourn is killed and comes back: wait for it, at once.
  socket: { reconnectStrategy: 20 },
});
client.on("error", () => {});
await client.connect();

const app = express();
app.use(
  session({
    store: new RedisStore({ client, prefix: "sess:" }),
    secret: "the same for all clones",
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 3_600_000 },
  }),
);

app.use((request, response, next) => {
  response.set("X-Clone", name);
  next();
});

app.post("/login/:user", (request, response, next) => {
  // A new id at log-in, as one should.
  request.session.regenerate((error) => {
    if (error) return next(error);
    request.session.user = request.params.user;
    request.session.save((failure) => (failure ? next(failure) : response.send("welcome")));
  });
});

app.get("/me", (request, response) => {
  response.send(request.session.user ?? "nobody");
});

app.post("/logout", (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.send("bye")));
});

app.listen(socket);
