// A site of express-session, whatever its store.
import express from 'express';
import session from 'express-session';
import { answer, browse, dataOf } from './steps.js';

export function serve(store) {
  const app = express();
  app.use(
    session({
      store,
      secret: 'the same for all',
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: 1_000_000 },
    }),
  );
  app.get('/login', (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error);
      request.session.user = request.query.user;
      request.session.cookie.maxAge = request.query.seconds * 1000;
      response.json(true);
    });
  });
  app.get('/read', (request, response) => response.json(dataOf(request.session)));
  app.get('/write', (request, response) => {
    request.session[request.query.key] = request.query.value;
    response.json(true);
  });
  app.get('/touch', (request, response) => response.json(true));
  app.get('/regenerate', (request, response, next) => {
    const { user, cart } = request.session;
    request.session.regenerate((error) => {
      if (error) return next(error);
      Object.assign(request.session, { user, cart });
      response.json(true);
    });
  });
  app.get('/logout', (request, response, next) => {
    request.session.destroy((error) => (error ? next(error) : response.json(true)));
  });
  app.get('/count', (request, response, next) => {
    store.length((error, count) => {
      if (error) return next(error);
      store.all((failure, sessions) => {
        if (failure) return next(failure);
        const users = sessions.map(({ user }) => user).sort();
        response.json(users.length === count ? users : `${count}, but ${users}`);
      });
    });
  });
  const server = app.listen(0, '127.0.0.1', () => answer(browse(server.address().port)));
}
