"""Layer-wise pretraining: it lowers the loss, and corrupts windows but no codes."""

import numpy as np
import pytest

from training import models
from training.bundle.errors import RecipeError
from training.corruption import Corrupted
from training.pretrain import pretrain
from training.sections import Fit
from training.tensorflow_setup import tf

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def windows():
    return np.random.default_rng(0).normal(0, 1, (400, 100)).astype(np.float32)


def test_pretraining_lowers_the_loss_before_the_first_whole_epoch(windows):
    dense = models.family("dense")
    settings = dense.Settings(family="dense", hidden=[40, 20], code=10)
    basis = np.random.default_rng(1).normal(0, 1, (10, 100)).astype(np.float32)
    low = windows[:, :10] @ basis / 3
    model = dense.build(settings, 100, 1, seed=1)

    def loss():
        return float(np.mean((np.asarray(model(low)) - low) ** 2))

    before = loss()
    last = pretrain(model, low, Fit(pretrain=40, learning_rate=0.003), seed=1)
    assert len(last) == 3 and loss() < 0.7 * before


def test_pretraining_damages_what_the_outermost_pair_is_given_and_no_code(windows):
    dense = models.family("dense")
    settings = dense.Settings(family="dense", hidden=[20], code=10)
    model = dense.build(settings, 100, 1, seed=1)
    seen = []

    def damage(x, seeds):
        seen.append(x.shape[1])
        return Corrupted(0 * x, tf.zeros(tf.shape(x), tf.bool))

    pretrain(model, windows, Fit(pretrain=1), 1, damage)
    assert set(seen) == {100}
    # From nothing there is nothing to learn but the mean: no weight of the encoder moves.
    begun = dense.build(settings, 100, 1, seed=1)
    kernels = [m.get_layer("encoder_1").kernel.numpy() for m in (model, begun)]
    np.testing.assert_array_equal(*kernels)


def test_pretraining_refuses_what_is_no_stack():
    conv = models.family("conv1d")
    model = conv.build(conv.Settings(family="conv1d"), 100, 1, seed=1)
    with pytest.raises(RecipeError, match=r"fit\.pretrain needs a mirrored stack"):
        pretrain(model, np.zeros((4, 100), np.float32), Fit(pretrain=1), seed=1)
