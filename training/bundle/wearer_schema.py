"""The part of the manifest's schema that says how a wearer's beats are judged (docs/bundle.md)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.bundle.validation import Strict

MOST_VALUES = 288  # of the compared stretch: kWearerValues in firmware/lib/signal/wearer.h

WearerScore = Literal["template", "autoencoder", "both"]


class NoWearer(Strict):
    """The model's error is the score."""

    kind: Literal["none"] = "none"


class Wearer(Strict):
    """Beats are judged against what is normal for the wearer."""

    kind: Literal["forms"] = "forms"
    # "template": distance from the wearer's own beats; "autoencoder": the model's error over this
    # wearer's usual one; "both": the larger
    score: WearerScore
    first: Annotated[int, Field(ge=0, lt=65536)]  # frame where the compared stretch begins
    length: Annotated[int, Field(ge=1, le=255)]  # its frames
    shift: Annotated[int, Field(ge=0, le=64)]  # frames by which a beat is moved, either way
    learn: Annotated[int, Field(ge=1, lt=65536)]  # beats from which the wearer is learned

    @model_validator(mode="after")
    def _shifts(self) -> Self:
        if self.first < self.shift:
            raise ValueError("first must be at least shift")
        return self

    def check_window(self, window: int, channels: int) -> None:
        """Check that the compared stretch and its shifts lie in a window of `window` frames.

        Raises:
            ValueError: they do not, or there are too many values.
        """
        if self.first + self.length + self.shift > window:
            raise ValueError(
                f"wearer: first + length + shift is {self.first + self.length + self.shift}, "
                f"beyond the window of {window} frames"
            )
        if self.length * channels > MOST_VALUES:
            raise ValueError(
                f"wearer: {self.length} frames of {channels} channels exceed {MOST_VALUES} values"
            )
