"""A view that compares the scores of a replay with the recorded ones, bit for bit."""

from __future__ import annotations

import numpy as np

from tools.monitor.events import Event, Started, View, WindowScored
from tools.monitor.recorder import model_of
from tools.recordings.format import RecordedScores
from training.bundle.wording import plural


class Comparison(View):
    """Compares each score with the recorded one.

    Attributes:
        equal: number of equal scores.
        different: window, recorded score and new score of each difference.
    """

    def __init__(self, recorded: RecordedScores) -> None:
        scores = recorded.scores.tolist()
        self._expected = dict(zip(recorded.windows.tolist(), scores, strict=True))
        self._recorded_model, self._model = recorded.model, ""
        self.equal = 0
        self.different: list[tuple[int, float, float]] = []

    def handle(self, event: Event) -> None:
        if isinstance(event, Started):
            self._model = model_of(event)
        if not isinstance(event, WindowScored) or event.index not in self._expected:
            return
        recorded, new = np.float32(self._expected.pop(event.index)), np.float32(event.score)
        if recorded.tobytes() == new.tobytes():
            self.equal += 1
        else:
            self.different.append((event.index, float(recorded), float(new)))

    @property
    def missing(self) -> int:
        """Number of recorded windows that have no new score."""
        return len(self._expected)

    @property
    def same(self) -> bool:
        """Whether every new score equals the recorded one."""
        return not self.different and not self.missing

    def lines(self, noun: str) -> list[str]:
        """Return the result for people; the first line can stand alone."""
        total = self.equal + len(self.different) + self.missing
        all_of_them = f"{total} {plural(noun, total)}"
        if self.same:
            return [f"{self.equal} of {all_of_them} scored as recorded, bit for bit"]
        differences = [
            (index, f"{noun} {index}: recorded {recorded!r}, now {new!r}")
            for index, recorded, new in self.different
        ]
        differences += [
            (index, f"{noun} {index}: recorded {recorded!r}, not scored now")
            for index, recorded in self._expected.items()
        ]
        differences.sort()
        other = ""
        if self._recorded_model and self._recorded_model != self._model:
            other = f"recorded with another model, {self._recorded_model}, not {self._model}: "
        failed = f"{other}{total - self.equal} of {all_of_them} did not score as recorded; first"
        return [f"{failed} {differences[0][1]}", *(text for _, text in differences[1:5])]
