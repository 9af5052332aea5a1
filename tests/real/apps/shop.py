"""An app in Django: people sign in by Django's own form, and one view says who they are.

Run by gunicorn as `shop:application`; `shop.set_up()` makes the database and the people.
SHOP_FOLDER is where it keeps them, and the list of the requests that it got.
"""

import json
import os
import threading
from pathlib import Path
from urllib.parse import quote

import django
from django.conf import settings

FOLDER = Path(os.environ["SHOP_FOLDER"])
LOGIN = """
<form method=post>{% csrf_token %}{{ form.as_p }}
<input type=hidden name=next value="{{ next }}"><button>Sign in</button></form>
"""

settings.configure(
    SECRET_KEY="only-for-tests",
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "shop.sqlite3"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    MIDDLEWARE=[
        "shop.Recorder",
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [("django.template.loaders.locmem.Loader", {"registration/login.html": LOGIN})],
                "context_processors": ["django.template.context_processors.request"],
            },
        }
    ],
    # Django's advice for tests: the usual hasher is slow on purpose.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    LOGIN_REDIRECT_URL="/",
    LOGIN_URL="/accounts/login/",
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.decorators import login_required  # noqa: E402
from django.contrib.auth.views import LoginView, LogoutView  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

# Who is with which customer, and what that customer has installed.
CUSTOMERS = {
    "zoe": ("42", "Northwind GmbH", "Zoë Müller", "crm-export,mailer"),
    "grace": ("77", "Bright Harbor Ltd", "Grace Okafor", ""),
    "lena": ("99", "Long List SA", "Lena Long", ",".join(f"connector-{n:03}-of-a-long-name-00000000" for n in range(100))),
}


# --- What the owners of an app have to add: one view ---


def session(request):
    if not request.user.is_authenticated:
        return HttpResponse("nobody", status=401)
    account, company, name, installed = CUSTOMERS[request.user.username]
    answer = HttpResponse("somebody")
    answer["X-Session-Account-Id"] = account
    answer["X-Session-Account-Name"] = company
    answer["X-Session-User-Name"] = quote(name)
    answer["X-Session-User-Email"] = request.user.email
    answer["X-Session-Installed"] = installed or "-"
    return answer


# --- The rest of the app ---


def rotating(request):
    """As apps that give out a new session id each time: the old one is worth nothing any more."""
    if request.user.is_authenticated:
        request.session.cycle_key()
    return session(request)


@login_required
def install(request, integration):
    """With `handoff` the install request comes here."""
    return rotating(request)


def home(request):
    return HttpResponse(f"Hello {request.user.username or 'stranger'}")


class Recorder:
    """Writes down what each request carried."""

    lock = threading.Lock()

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        line = json.dumps({"method": request.method, "path": request.get_full_path(), "headers": dict(request.headers)})
        with self.lock, (FOLDER / "requests").open("a", encoding="utf-8") as out:
            out.write(line + "\n")
        return self.get_response(request)


urlpatterns = [
    path("", home),
    path("accounts/login/", LoginView.as_view()),
    path("accounts/logout/", LogoutView.as_view()),
    path("internal/session", session),
    path("internal/session/rotating", rotating),
    path("pandium/install/<slug:integration>", install),
]
application = get_wsgi_application()


def set_up():
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    for name in CUSTOMERS:
        User.objects.create_user(name, f"{name}@shop.example", f"secret-of-{name}")
