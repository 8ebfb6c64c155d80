"""A handler that raises TeapotError answers with its status and its message."""

from additions.application import application
from casbah import errors

with application() as (ask, built):

    def no_coffee(*_: object) -> None:
        raise errors.TeapotError("coffee: this is a teapot")

    type(built.services.ranges).tags = no_coffee
    answer = ask("GET", "/api/ext/v1/choices")
    assert (answer.status, answer.json["detail"]) == (418, "coffee: this is a teapot")
