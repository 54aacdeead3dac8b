"""Settings that say how a file of samples is read."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from training.bundle.errors import DataError
from training.bundle.validation import Strict


class SettingNeededError(DataError):
    """A file that can be read only with a certain setting.

    settings    the fields of `Options` that make it readable
    """

    def __init__(self, message: str, **settings: Any) -> None:
        super().__init__(message)
        self.settings = settings


Moment = Annotated[str, Field(coerce_numbers_to_str=True)]  # a date, or seconds of the clock


class Options(Strict):
    """How to read a file; a setting that is left out is derived from the file."""

    channels: list[str] | None = None  # columns to use; all that are no time or label
    label: str | None = None  # the label's column; "label" if there is one
    # Labels of normal rows, such as "normal" or ["ok", "idle"]; otherwise 0.
    normal: list[str] | None = None
    # Abnormal stretches in place of a label column: pairs [begin, end] of dates or seconds, or a
    # JSON file that holds such pairs per file (Numenta's combined_windows.json).
    intervals: str | list[tuple[Moment, Moment]] | None = None
    rate_hz: Annotated[float, Field(gt=0)] | None = None  # frames per second
    header: list[str] | None = None  # names of the columns, for a file without a header
    # Each row holds one window of one channel, with its label at the stated end.
    row_is_window: Literal["label first", "label last", "no label"] | None = None
    skip_text: bool = False  # leave out rows of text, and cut the recording there
    missing: list[float] | None = None  # values that mean "none"; found when left out
    # Longest hole, in frames, that is filled by a straight line.
    interpolate: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    resample_hz: Annotated[float, Field(gt=0)] | None = None  # for samples at irregular times

    @field_validator("normal", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        values = [value] if isinstance(value, (str, int)) else value
        if not isinstance(values, list):
            return values
        return [str(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in values]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.intervals is not None and (self.label is not None or self.normal is not None):
            raise ValueError("intervals replace a label column: leave out label and normal")
        if self.row_is_window is not None:
            for what in ("channels", "label", "intervals", "resample_hz"):
                if getattr(self, what) is not None:
                    raise ValueError(f"{what} means nothing with row_is_window: leave it out")
        return self
