"""A trained bundle, with lazily loaded data, model and interpreter for its pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tools.report.figures.signal import section
from training import data
from training.bundle import Bundle
from training.bundle.errors import BundleError
from training.bundle.interpreter import Interpreter, open_interpreter
from training.bundle.validation import validate
from training.data.recording import Dataset, Recording
from training.input_quantization import InputQuantizer
from training.recipe import Recipe, make_recipe
from training.sections import Corruption
from training.windows import Parts, Windows, divide

if TYPE_CHECKING:
    import keras

    from training.fit import History


Labelled = tuple[NDArray[np.float32], NDArray[np.int16]]


@dataclass(frozen=True, eq=False)
class Damaged:
    """Windows before and after corruption, and restored by the model.

    Attributes:
        clean, damaged, restored: float32 [n, size], in real values.
        hidden: bool [n, size], the values that were masked.
    """

    clean: NDArray[np.float32]
    damaged: NDArray[np.float32]
    restored: NDArray[np.float32]
    hidden: NDArray[np.bool_]

    def gain_db(self) -> float:
        """Squared error of the damaged windows over that of the restored ones, in decibels."""
        before = ((self.damaged - self.clean) ** 2).sum()
        after = ((self.restored - self.clean) ** 2).sum()
        return float(10 * np.log10(before / after))

    def given_kept(self) -> Damaged:
        """Return the same windows, of which only the masked values come from the model."""
        return replace(self, restored=np.where(self.hidden, self.restored, self.damaged))


@dataclass(frozen=True, eq=False)
class Trained:
    """A bundle and the values derived from it."""

    bundle: Bundle

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe that the bundle was trained with."""
        return make_recipe(self.bundle.manifest.recipe)

    @cached_property
    def dataset(self) -> Dataset:
        """The recipe's data set, loaded again."""
        return data.load_dataset(self.recipe.data)

    @cached_property
    def parts(self) -> Parts:
        """The data set, divided as in training."""
        recipe = self.recipe
        return divide(self.dataset, recipe.windows, recipe.split, recipe.seed, recipe.filter)

    @cached_property
    def evaluation(self) -> dict[str, NDArray[Any]]:
        """Scores, codes and reconstructions of the test windows."""
        return self.bundle.evaluation()

    @cached_property
    def model(self) -> keras.Model:
        """The float model."""
        # Imported here, as below: it starts TensorFlow, which takes seconds; few parts need it.
        from training.generative import restore

        return restore(self.bundle)

    @cached_property
    def interpreter(self) -> Interpreter:
        """The int8 model in the interpreter; ConvertError if the model makes it fail."""
        return open_interpreter(self.bundle.model)

    @property
    def quantizer(self) -> InputQuantizer:
        """The quantization of the input."""
        m = self.bundle.manifest
        return InputQuantizer(
            m.scaler,
            np.float32(m.model.input.scale),
            m.model.input.zero_point,
            m.segmenter.window,
            len(m.signal.channels),
            m.features,
        )

    def input(self) -> NDArray[np.float32]:
        """Real inputs of the shown test windows, float32 [s, size]."""
        return self.quantizer.dequantize(self.evaluation["input"])

    def output(self) -> NDArray[np.float32]:
        """Their int8 reconstructions as real values."""
        return self.real_output(self.evaluation["output"])

    def real_output(self, output: NDArray[np.int8]) -> NDArray[np.float32]:
        """Real values of int8 outputs."""
        tensor = self.bundle.manifest.model.output
        steps = output.astype(np.float32) - tensor.zero_point
        return np.asarray(steps * np.float32(tensor.scale))

    def labels(self) -> NDArray[np.int8]:
        """Labels of the shown test windows."""
        return np.asarray(self.evaluation["labels"][self.evaluation["shown"]])

    def scores(self) -> NDArray[np.float32]:
        """int8 scores of the shown test windows."""
        return np.asarray(self.evaluation["int8_test"][self.evaluation["shown"]])

    def classes(self) -> NDArray[np.int16] | None:
        """Classes of the shown test windows; None if the data set has none."""
        return self.evaluation.get("classes")

    @property
    def damage(self) -> Corruption:
        """Corruption of the inputs during the fit; BundleError if the recipe is damaged."""
        values = section(self.bundle.manifest, "corruption")
        where = f"{self.bundle.path}: recipe"
        return validate(Corruption, values, where, BundleError, "corruption")

    def damaged(self, clean: NDArray[np.float32], kinds: Corruption) -> Damaged:
        """Corrupt windows float32 [n, size] by `kinds`, and restore them with the int8 model."""
        from training.corruption import make

        damage = make(kinds, self.quantizer.channels)
        seed = np.array([self.bundle.manifest.seed, 12345])
        windows, hidden = (np.asarray(each) for each in damage(clean, seed))
        steps = np.rint(windows / self.quantizer.scale) + self.quantizer.zero_point
        quantized = np.clip(steps, -128, 127).astype(np.int8)
        return Damaged(
            clean,
            self.quantizer.dequantize(quantized),
            self.real_output(self.interpreter.run(quantized)),
            hidden,
        )

    def fitted_with(self, **changes: dict[str, Any]) -> tuple[keras.Model, History]:
        """Fit the recipe again with other settings, by section, such as fit={"epochs": 3}."""
        from training.train import fit_model

        changed = {
            section: getattr(self.recipe, section).model_copy(update=settings)
            for section, settings in changes.items()
        }
        recipe = self.recipe.model_copy(update=changed)
        return fit_model(recipe, self.parts, self.quantizer, False)

    def codes(self, part: Windows, recording: Recording) -> Labelled:
        """Codes float32 [n, code] and classes int16 [n] of windows of a recording."""
        from training.encoder import encoder_of

        real = self.quantizer.dequantize(self.quantizer.quantize(part.counts))
        codes = encoder_of(self.model).predict(real, batch_size=256, verbose=0)
        return np.asarray(codes), classes_of(recording, part)


def classes_of(recording: Recording, windows: Windows) -> NDArray[np.int16]:
    """The class at the middle of each window."""
    if recording.classes is None:
        return np.zeros(len(windows), np.int16)
    return np.asarray(recording.classes[windows.first + windows.counts.shape[1] // 2])
