"""Validate a mapping against a pydantic model, and report the first error on one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from training.bundle.errors import VigilError


class Strict(BaseModel):
    """Immutable model that rejects unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Model = TypeVar("Model", bound=BaseModel)


def brief(text: str, most: int = 200) -> str:
    """Shorten `text` to `most` characters and escape it if it is not printable."""
    line = text if text.isprintable() else ascii(text)[1:-1]
    return line if len(line) <= most else f"{line[: most - 1]}…"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for a similar known word, or the list of known words."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known: {', '.join(known)}" if known else ""


def validate(
    schema: type[Model],
    values: Mapping[str, Any],
    where: str,
    error: type[VigilError],
    section: str = "",
) -> Model:
    """Build an instance of `schema` from `values`.

    Args:
        where: the file or object that the message names first; may be empty.
        section: the dotted path of `values` within the user's file.

    Raises:
        VigilError: of type `error`, on one line that names the key, the reason and the fix.
    """
    try:
        return schema.model_validate(dict(values))
    except ValidationError as problem:
        # An unknown key is often a misspelt one, which is then reported missing as well.
        details = sorted(
            problem.errors(include_url=False), key=lambda d: d["type"] != "extra_forbidden"
        )
        sentence = brief(_sentence(schema, details[0], section), 500)
        raise error(f"{where}: {sentence}" if where else sentence) from None


def _sentence(schema: type[BaseModel], detail: Any, section: str) -> str:
    steps = _without_tags(schema, detail["loc"])
    path = ".".join(str(step) for step in ((section, *steps) if section else steps))
    if detail["type"] == "extra_forbidden":
        known = _fields_at(schema, detail["loc"][:-1])
        return f"unknown key '{path}'{nearest(str(detail['loc'][-1]), known)}"
    if detail["type"] == "missing":
        return f"'{path}' is missing"
    message = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    given = detail["input"]
    simple = not isinstance(given, (dict, list, BaseModel))
    shown = f" (it is {brief(repr(given), 60)})" if simple else ""
    return f"'{path}' {message}{shown}" if path else message


def _without_tags(schema: type[BaseModel], path: tuple[Any, ...]) -> list[Any]:
    """Leave out the second step of a union of kinds, which repeats the kind."""
    field = schema.model_fields.get(str(path[0])) if path else None
    tagged = field is not None and field.discriminator is not None
    return [path[0], *path[2:]] if tagged else list(path)


def _fields_at(schema: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """List the keys that a model accepts at `path` below `schema`."""
    for step in path:
        field = schema.model_fields.get(str(step))
        if field is None:
            continue  # a list index, or the tag of a union
        kinds = [field.annotation, *get_args(field.annotation)]
        inner = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
        if not inner:
            return []
        schema = inner[0]
    return [field.alias or name for name, field in schema.model_fields.items()]
