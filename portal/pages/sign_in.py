"""Signing in and out, the first administrator, and who is acting in a request that comes from a browser.

The cookie holds a random token; what it stands for is a row that can be ended (`portal.services.sign_ins`).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Flask, Request, Response, redirect, request, session, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user, login_user, logout_user

from portal.errors import Conflict, Invalid, TooManyRequests
from portal.pages.access import admit
from portal.pages.forms import Form
from portal.pages.hx import is_partial, render, send_to
from portal.pages.security import SAFE_METHODS
from portal.services import sign_ins, users
from portal.services.actors import Actor, Permission, Role, can
from portal.web import db, portal, set_actor

pages = Blueprint("sign_in", __name__)


class SignedIn:
    """The person behind a valid token, as Flask-Login wants to know them."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, token: str, actor: Actor) -> None:
        self.token = token
        self.actor = actor

    @property
    def has_desk(self) -> bool:
        """Whether the pages of the desk are theirs to see. Operators have the Operator UI only."""
        return self.actor.role is not Role.OPERATOR

    @property
    def may_administer(self) -> bool:
        """Whether the settings are theirs to see."""
        return can(self.actor, Permission.ADMINISTER)

    @property
    def may_operate(self) -> bool:
        """Whether they may start runs at a bench."""
        return can(self.actor, Permission.DRIVE)

    def get_id(self) -> str:
        """What the session keeps."""
        return self.token


class Sessions(SecureCookieSessionInterface):
    """Flask's own, and none where the API is asked: it takes no cookie, and looking for one costs every request."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """What the cookie holds. None stands for a session that is empty, and stays so."""
        return None if request.path.startswith("/api/") else super().open_session(app, request)


def register(app: Flask) -> None:
    """Wire Flask-Login, recognise who acts before each request, and add the pages."""
    app.session_interface = Sessions()
    manager = LoginManager()
    manager.session_protection = None  # a token is revocable by itself; tablets change their address
    manager.user_loader(load_signed_in)
    manager.init_app(app)
    public_url = portal(app).settings.public_url
    app.config["SESSION_COOKIE_SECURE"] = bool(public_url) and str(public_url).startswith("https:")
    app.before_request(recognise)
    app.register_blueprint(pages)


def signed_in_only(blueprint: Blueprint) -> Blueprint:
    """The same blueprint, for nobody who has not signed in."""
    blueprint.before_request(require_sign_in)
    return blueprint


def load_signed_in(token: str) -> SignedIn | None:
    """Flask-Login's question: who is this? None when the token is unknown or was ended."""
    user = sign_ins.find_user_by_token(db(), token)
    if user is None:
        return None
    return SignedIn(token, users.acting(db(), user))


def recognise() -> ResponseReturnValue | None:
    """Before each request: note who acts, where a browser has a session, and admit them to what their role may see.

    The API has its own credentials.
    """
    if request.endpoint == "static" or request.path.startswith("/api/"):
        return None
    if current_user.is_authenticated:
        set_actor(current_user.actor)
        return admit(request.endpoint, current_user.actor)
    return None


def require_sign_in() -> ResponseReturnValue | None:
    """Send everybody else to sign in, and back here afterwards; on a new portal, to make its administrator."""
    if current_user.is_authenticated:
        return None
    if not users.has_users(db()):
        wanted = url_for("sign_in.setup")
    else:
        here = _page_in_sight()
        is_lost = True if request.method not in SAFE_METHODS else None
        wanted = url_for("sign_in.show", next=None if here == "/" else here, unsent=is_lost)
    return send_to(wanted) if is_partial(request) else redirect(wanted, 303)


def _page_in_sight() -> str:
    """The page to come back to: a part of one, and a form's address, are no pages themselves."""
    if is_partial(request):
        return _own_path(request.htmx.current_url)  # type: ignore[attr-defined]
    return _own_path(request.full_path.rstrip("?") if request.method in SAFE_METHODS else request.referrer)


@pages.get("/setup")
def setup() -> ResponseReturnValue:
    """The form that makes the first administrator; gone once there is one."""
    if users.has_users(db()):
        return redirect(url_for("sign_in.show"), 303)
    return render("sign_in/setup.html", form=Form())


@pages.post("/setup")
def make_first_admin() -> ResponseReturnValue:
    """Create the first administrator and sign them in."""
    form = Form.of(request)
    password = form.secret("password")
    try:
        users.create_first_admin(db(), form.text("name"), form.text("email"), password)
    except Invalid as invalid:
        refused = form.refused(invalid, ("name", "email", "password"))
        return render("sign_in/setup.html", status=422, form=refused)
    except Conflict:
        return redirect(url_for("sign_in.show"), 303)
    _begin(form.text("email"), password)
    return redirect(url_for("overview.index"), 303)


@pages.get("/sign-in")
def show() -> ResponseReturnValue:
    """The form. Who is signed in already goes on."""
    if not users.has_users(db()):
        return redirect(url_for("sign_in.setup"), 303)
    if current_user.is_authenticated:
        return redirect(_own_path(request.args.get("next")), 303)
    form = Form()
    if "unsent" in request.args:
        form = form.with_problem("That was not done: you were signed out. Sign in, then do it again.")
    return render("sign_in/show.html", form=form, next=request.args.get("next", ""))


@pages.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    """Check the password and begin a session; one message for every reason to refuse."""
    form = Form.of(request)
    try:
        _begin(form.text("email"), form.secret("password"))
    except Invalid as invalid:
        refused = form.refused(invalid, ())
        return render("sign_in/show.html", status=422, form=refused, next=form.text("next"))
    except TooManyRequests as refusal:
        refused = form.with_problem(refusal.message)
        response = render("sign_in/show.html", status=429, form=refused, next=form.text("next"))
        response.headers["Retry-After"] = str(round(refusal.retry_after_s))
        return response
    return redirect(_own_path(form.text("next")), 303)


@pages.post("/sign-out")
def sign_out() -> Response:
    """End the session here, and its row in the database."""
    if current_user.is_authenticated:
        sign_ins.sign_out(db(), current_user.token, request.remote_addr)
    logout_user()
    session.clear()
    return redirect(url_for("sign_in.show"), 303)  # type: ignore[return-value]


def begin_browser_session(made: sign_ins.SignIn) -> None:
    """Keep a session that has just begun in this browser's cookie."""
    session.clear()  # nothing that was there before signing in is worth keeping, and it may have been planted
    session.permanent = True
    login_user(SignedIn(made.token, users.acting(db(), made.user)))


def _begin(email: str, password: str) -> None:
    made = sign_ins.sign_in(
        db(), email, password, address=request.remote_addr or "", user_agent=request.user_agent.string
    )
    begin_browser_session(made)


def _own_path(wanted: str | None) -> str:
    """A path on this portal. Anything that could lead elsewhere becomes the start page."""
    if not wanted:
        return "/"
    try:
        parts = urlsplit(wanted)
    except ValueError:  # such as a broken IPv6 address
        return "/"
    if parts.scheme or parts.netloc:
        if parts.netloc != request.host:
            return "/"
        wanted = parts.path + (f"?{parts.query}" if parts.query else "")
    is_plain = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted
    return wanted if is_plain and wanted.isprintable() else "/"
