"""One kind of server."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from hookpoint.proxy.dialects.part import Part
from hookpoint.proxy.dialects.server import DocumentDialect, EndpointDialect, TokenDialect
from hookpoint.proxy.dialects.users import Denial, Lookup, PasswordChangeRoute, SignUpRoute, UserRoute, check_denial


class Dialect(Part):
    """One kind of server."""

    title: str
    """What it is, for people."""
    token: TokenDialect
    """The token endpoint."""
    documents: DocumentDialect
    """Where the server publishes what it is."""
    endpoints: EndpointDialect = EndpointDialect()
    """Its other endpoints."""
    sign_up: dict[str, SignUpRoute] = Field(default_factory=dict)
    """Routes where users sign up, by names of their own."""
    password_change: dict[str, PasswordChangeRoute] = Field(default_factory=dict)
    """Routes where passwords change, by names of their own."""
    denial: Denial = Denial()
    """How refusals are written on these routes."""
    look_up: Lookup | None = None
    """The call that finds the user of a sign-up whose answer was lost."""
    unhooked: tuple[str, ...] = ()
    """Paths where users are created or passwords change and no hook runs; `hookpoint check` lists them."""

    def status_of(self, error: str) -> int:
        """The HTTP status with which an OAuth error code is answered."""
        return self.token.denial_status.get(error, 400)

    def denial_of(self, route: UserRoute) -> Denial:
        """How refusals are written on a route."""
        return route.denial or self.denial

    def look_up_of(self, route: SignUpRoute) -> Lookup | None:
        """How users of a route are found."""
        return route.look_up or self.look_up

    @model_validator(mode="after")
    def _check_users(self) -> Self:
        routes: list[UserRoute] = [*self.sign_up.values(), *self.password_change.values()]
        check_denial(self.denial, {name for route in routes for name in (*route.parameters, *route.values)})
        taken: dict[str, str] = dict.fromkeys(self.token.paths, "token")
        for kind in ("sign_up", "password_change"):
            described: dict[str, UserRoute] = getattr(self, kind)
            for name, route in described.items():
                if other := taken.get(route.path):
                    raise ValueError(f"{kind}.{name} has the path of {other}, {route.path}")
                taken[route.path] = f"{kind}.{name}"
        return self
