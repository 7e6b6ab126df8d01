"""A dialect's route, with everything that reading needs worked out once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from hookpoint.proxy.bodies import BodyRefused, Form
from hookpoint.proxy.dialects import SignUpRoute, UserRoute
from hookpoint.proxy.dialects.places import KEY, Place, places, segments_of
from hookpoint.proxy.dialects.users import MetadataStyle
from hookpoint.proxy.parameters import readings
from hookpoint.proxy.users.guarding import Names, names_of

_METADATA = ("user_metadata", "app_metadata")


class Layout:
    """Where things stand in the requests of one route."""

    def __init__(self, route: UserRoute) -> None:
        self.route = route
        self._places: dict[str, tuple[Place, ...]] = {
            name: places(getattr(route.request, name)) for name in type(route.request).model_fields
        } | {name: places(texts) for name, texts in route.values.items()}
        # An open segment named as a field is that field.
        for name in route.parameters & self._places.keys():
            self._places[name] = (*self._places[name], Place(kind="path", name=name))
        self.unless = tuple((_pointer(text), values) for text, values in route.unless.items())
        self.requires = tuple(map(_pointer, route.requires))

    def places(self, name: str) -> tuple[Place, ...]:
        """The places of a field of `UserPlaces`, or of one of the route's values."""
        return self._places.get(name, ())

    @property
    def metadata_style(self) -> MetadataStyle:
        """How metadata is written."""
        return self.route.metadata_style if isinstance(self.route, SignUpRoute) else "object"

    def is_shared(self, name: str) -> bool:
        """Whether both kinds of metadata stand in one place, so that what is there says nothing of its kind."""
        other = _METADATA[1 - _METADATA.index(name)]
        return bool(frozenset(self.places(name)) & frozenset(self.places(other)))

    @cached_property
    def json_names(self) -> Names:
        """The members that are read of a JSON body."""
        pointers = [place for place in self._all if place.kind in ("pointer", "jwt")]
        return names_of(place.segments for place in pointers)

    @cached_property
    def form_names(self) -> frozenset[str]:
        """The fields that are read of a form."""
        named = [place.form_name for place in self._all if place not in self._metadata_places]
        return frozenset(name for name in named if name and KEY not in name)

    @cached_property
    def body_names(self) -> frozenset[str]:
        """What must not stand in the query: some servers read it there as well."""
        return frozenset(self.json_names) | self.form_names

    def check_form(self, form: Form) -> None:
        """Raise BodyRefused for fields that hold metadata in another way than hookpoint reads it."""
        for name, pattern in self._metadata_fields.items():
            for field in form.members:
                if name in readings(field) and not (pattern and field.startswith(pattern)):
                    raise BodyRefused(f"The form has {name} in a way that is not read here.")

    @cached_property
    def _metadata_fields(self) -> Mapping[str, str]:
        """The names that metadata has in forms, and how the fields begin that are read."""
        patterns = {place.name.partition(KEY)[0] for place in self._metadata_places if place.kind == "form"}
        pointers = {place.form_name for place in self._metadata_places if place.kind == "pointer" and place.form_name}
        return {name: next((each for each in patterns if each.startswith(name)), "") for name in pointers if name}

    @cached_property
    def _metadata_places(self) -> frozenset[Place]:
        return frozenset(place for name in _METADATA for place in self.places(name))

    @cached_property
    def _all(self) -> tuple[Place, ...]:
        conditions = (*(place for place, _ in self.unless), *self.requires)
        return (*(place for each in self._places.values() for place in each if place.in_body), *conditions)


def _pointer(text: str) -> Place:
    assert segments_of(text)
    return Place(kind="pointer", name=text)
