"""The views that README.md and deploy/README.md show for Django, as they stand there, in an app whose
people come by a cookie. Run by gunicorn as `documented:application`."""

from pathlib import Path
from types import SimpleNamespace

import django
from django.conf import settings

ROOT = Path(__file__).parents[3]

settings.configure(
    SECRET_KEY="only-for-tests",
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["documented.ByCookie"],
    LOGIN_URL="/login",
)
django.setup()

from django.contrib.auth.decorators import login_required  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402


def person(account, email="zoe@acme.example"):
    return SimpleNamespace(is_authenticated=True, email=email, account=account, get_full_name=lambda: "Zoë Müller")


def account(pk, name):
    return SimpleNamespace(pk=pk, name=name, installed=[])


PEOPLE = {
    "zoe": person(account(42, "Café Zoë")),
    "unsaved": person(account(None, "Not yet saved")),
    "nameless": person(account(43, None), email=None),
    "homeless": person(None),
}


class ByCookie:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        nobody = SimpleNamespace(is_authenticated=False)
        request.user = PEOPLE.get(request.COOKIES.get("who"), nobody)
        return self.get_response(request)


def view(page, name):
    """The one example in Python on a page."""
    code = (ROOT / page).read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    known = {"__name__": __name__, "login_required": login_required, "HttpResponse": HttpResponse}
    exec(compile(code, page, "exec"), known)
    return known[name]


urlpatterns = [
    path("internal/who-am-i", view("README.md", "who_am_i")),
    path("internal/session", view("deploy/README.md", "session")),
]
application = get_wsgi_application()
