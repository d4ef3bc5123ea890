"""Flask-Session, on python3-redis."""

import sys
from datetime import timedelta

from flask import Flask, jsonify, request, session
from flask_session import Session
from redis import Redis

from steps import Browser, answer, data_of

host, port = sys.argv[1:]
app = Flask(__name__)
app.config.update(
    SECRET_KEY="the same for all",
    SESSION_TYPE="redis",
    SESSION_REDIS=Redis(host, int(port)),
    PERMANENT_SESSION_LIFETIME=timedelta(seconds=1000),
)
Session(app)


@app.get("/login")
def login():
    app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(seconds=int(request.args["seconds"]))
    session["user"] = request.args["user"]
    return jsonify(True)


@app.get("/read")
def read():
    return jsonify(data_of(session))


@app.get("/write")
def write():
    session[request.args["key"]] = request.args["value"]
    return jsonify(True)


@app.get("/touch")
def touch():
    return jsonify(True)


@app.get("/logout")
def logout():
    session.clear()
    return jsonify(True)


def get(page, session_id, query):
    client = app.test_client(use_cookies=False)
    headers = {} if session_id is None else {"Cookie": session_id}
    answered = client.get("/" + page, query_string=query, headers=headers)
    cookie = answered.headers.get("Set-Cookie")
    return answered.json, cookie and cookie.split(";")[0]


if __name__ == "__main__":
    answer(Browser(get))
