"""Django's sessions: ENGINE HOST PORT; the engine is a module, as in SESSION_ENGINE."""

import sys

import django
from django.conf import settings
from django.http import JsonResponse
from django.test import Client
from django.urls import path

from steps import Browser, answer, data_of

engine, host, port = sys.argv[1:]
settings.configure(
    SECRET_KEY="the same for all",
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    CACHES={
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"redis://{host}:{port}/1",
        }
    },
    SESSION_ENGINE=engine,
    SESSION_COOKIE_AGE=1000,
    SESSION_REDIS={"host": host, "port": int(port), "db": 1, "prefix": "session"},
)
django.setup()


def login(request):
    request.session.cycle_key()
    request.session["user"] = request.GET["user"]
    request.session.set_expiry(int(request.GET["seconds"]))
    return JsonResponse(True, safe=False)


def read(request):
    return JsonResponse(data_of(request.session), safe=False)


def write(request):
    request.session[request.GET["key"]] = request.GET["value"]
    return JsonResponse(True, safe=False)


def touch(request):
    request.session.modified = True
    return JsonResponse(True, safe=False)


def regenerate(request):
    request.session.cycle_key()
    return JsonResponse(True, safe=False)


def logout(request):
    request.session.flush()
    return JsonResponse(True, safe=False)


PAGES = (login, read, write, touch, regenerate, logout)
urlpatterns = [path(page.__name__, page) for page in PAGES]


def get(page, session_id, query):
    client = Client()
    if session_id is not None:
        client.cookies["sessionid"] = session_id
    answered = client.get("/" + page, query)
    cookie = answered.cookies.get("sessionid")
    return answered.json(), cookie and cookie.value


if __name__ == "__main__":
    answer(Browser(get))
