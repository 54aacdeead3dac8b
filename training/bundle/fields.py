"""Types of a manifest's fields, with their ranges."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Int8 = Annotated[int, Field(ge=-128, le=127)]
Int16 = Annotated[int, Field(ge=-32768, le=32767)]
Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Size = Annotated[int, Field(ge=1, le=65536)]
Count = Annotated[int, Field(ge=0, le=2**53)]  # exact as a float, for figures
# Names become file names, folder names and comments in generated code.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must have printable characters only")
    return value


Text = Annotated[str, AfterValidator(_printable)]


def _sections(recipe: dict[str, Any]) -> dict[str, Any]:
    for name in ("data", "fit"):
        if not isinstance(recipe.get(name, {}), dict):
            raise ValueError(f"must have an object as {name}")
    return recipe


# A recipe as it was; `data` and `fit` are read without the schema of recipes.
RecipeSettings = Annotated[dict[str, Any], AfterValidator(_sections)]
