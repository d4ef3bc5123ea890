"""aiohttp-session, on python3-redis's asyncio."""

import asyncio
import sys

from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp_session import get_session, new_session, setup

import redis
from redis import asyncio as aioredis

from steps import Browser, answer, data_of

# It asks for aioredis 2, which has since become redis-py's asyncio; Debian's aioredis is version 1.
aioredis.__version__ = redis.__version__
sys.modules["aioredis"] = aioredis
from aiohttp_session.redis_storage import RedisStorage  # noqa: E402


async def login(request):
    session = await new_session(request)
    session["user"] = request.query["user"]
    session.max_age = int(request.query["seconds"])
    return web.json_response(True)


async def read(request):
    return web.json_response(data_of(await get_session(request)))


async def write(request):
    session = await get_session(request)
    session[request.query["key"]] = request.query["value"]
    return web.json_response(True)


async def touch(request):
    session = await get_session(request)
    session.changed()
    return web.json_response(True)


async def logout(request):
    session = await get_session(request)
    session.invalidate()
    return web.json_response(True)


async def start(host, port):
    app = web.Application()
    setup(app, RedisStorage(aioredis.Redis(host=host, port=port), max_age=1000))
    app.add_routes([web.get("/" + page.__name__, page) for page in PAGES])
    client = TestClient(TestServer(app), cookie_jar=DummyCookieJar())
    await client.start_server()
    return client


async def fetch(client, page, session_id, query):
    headers = {} if session_id is None else {"Cookie": session_id}
    async with client.get("/" + page, params=query, headers=headers) as answered:
        cookie = answered.headers.get("Set-Cookie")
        return await answered.json(), cookie and cookie.split(";")[0]


PAGES = (login, read, write, touch, logout)


def main():
    host, port = sys.argv[1:]
    loop = asyncio.new_event_loop()
    client = loop.run_until_complete(start(host, int(port)))
    answer(Browser(lambda *words: loop.run_until_complete(fetch(client, *words))))


if __name__ == "__main__":
    main()
