"""Corruption, penalties, sampling, pretraining: each does what its formula says."""

import numpy as np
import pytest

from training import corruption, models, recipe
from training.bundle.errors import RecipeError
from training.recipe import Fit

pytestmark = pytest.mark.slow

SEED = np.array([1, 2])


def damaged(x, channels=1, **settings):
    return np.asarray(corruption.make(recipe.Corruption(**settings), channels)(x, SEED))


@pytest.fixture(scope="module")
def windows():
    return np.random.default_rng(0).normal(0, 1, (400, 100)).astype(np.float32)


def test_noise_has_the_deviation_asked_for_and_draws_hang_on_the_seed_alone(windows):
    noise = damaged(windows, gaussian=0.3) - windows
    assert noise.std() == pytest.approx(0.3, rel=0.02) and abs(noise.mean()) < 0.01
    np.testing.assert_array_equal(damaged(windows, gaussian=0.3), damaged(windows, gaussian=0.3))


def test_masking_and_salt_and_pepper_hit_the_share_asked_for(windows):
    masked = damaged(windows, masking=0.25, fill=9.0)
    assert (masked == 9).mean() == pytest.approx(0.25, abs=0.01)
    peppered = damaged(windows, salt_pepper=0.1)
    hit = peppered != windows
    assert hit.mean() == pytest.approx(0.1, abs=0.01)
    ends = np.stack([windows.min(axis=1), windows.max(axis=1)], axis=1)
    assert all(np.isin(row[h], end).all() for row, h, end in zip(peppered, hit, ends, strict=True))


def test_salt_and_pepper_are_the_ends_of_the_values_own_channel(windows):
    two = windows.copy()
    two[:, 1::2] *= 100
    peppered = damaged(two, channels=2, salt_pepper=0.2)
    hit = peppered != two
    assert hit.mean() == pytest.approx(0.2, abs=0.02)
    for channel in (0, 1):
        given, got, at = (a[:, channel::2] for a in (two, peppered, hit))
        ends = np.stack([given.min(axis=1), given.max(axis=1)], axis=1)
        assert all(np.isin(row[h], end).all() for row, h, end in zip(got, at, ends, strict=True))


def test_hum_is_one_line_of_the_spectrum_and_wander_stays_slow(windows):
    hum = np.abs(np.fft.rfft(damaged(windows, hum=1.0, hum_cycles=0.2) - windows))
    assert (hum.argmax(axis=1) == 20).all()
    wander = damaged(windows, wander=0.5) - windows
    power = (np.abs(np.fft.rfft(wander)) ** 2).sum(axis=0)
    assert power[:5].sum() > 0.95 * power.sum()
    assert np.abs(wander).max() <= 0.5 + 1e-5


def test_a_span_masks_whole_frames_and_a_square_is_square(windows):
    hit = damaged(windows, channels=2, span=7, fill=9.0) == 9
    assert (hit.sum(axis=1) == 14).all() and (hit[:, ::2] == hit[:, 1::2]).all()
    assert ((np.diff(hit[:, ::2].astype(int), axis=1) == 1).sum(axis=1) <= 1).all()
    square = (damaged(windows, square=4, width=10, fill=9.0) == 9).reshape(-1, 10, 10)
    assert (square.sum(axis=(1, 2)) == 16).all()
    assert (square.any(axis=1).sum(axis=1) == 4).all()


def test_a_square_without_a_width_is_refused():
    with pytest.raises(ValueError, match=r"corruption\.width"):
        recipe.Corruption(square=4)


def test_penalties_equal_their_formulas():
    from training.models.layers import Sparsity

    a = np.array([[0.1, 0.5], [0.3, 0.7]], np.float32)
    l1 = Sparsity("l1", 2.0, 0.05)
    np.testing.assert_array_equal(l1(a, training=True), a)
    assert float(l1.losses[0]) == pytest.approx(2 * (0.2 + 0.6), rel=1e-5)
    kl = Sparsity("kl", 1.0, 0.05)
    kl(a, training=True)
    want = sum(0.05 * np.log(0.05 / m) + 0.95 * np.log(0.95 / (1 - m)) for m in (0.2, 0.6))
    assert float(kl.losses[0]) == pytest.approx(want, rel=1e-5)
    kl(a, training=False)
    assert not kl.losses


def test_sampling_is_the_mean_on_a_board_and_its_divergence_warms_up():
    from training.models.layers import Sampling

    mean, log_variance = np.full((5000, 2), 0.5, np.float32), np.full((5000, 2), -1, np.float32)
    layer = Sampling(beta=2.0, weight=0.5, warm_up=4, seed=1)
    np.testing.assert_array_equal(layer((mean, log_variance), training=False), mean)
    kl = -0.5 * 2 * (1 - 1 - 0.25 - np.exp(-1))
    for step in (1, 2, 3, 4, 5):
        z = np.asarray(layer((mean, log_variance), training=True))
        assert float(layer.losses[0]) == pytest.approx(2 * 0.5 * kl * min(1, step / 4), rel=1e-4)
    assert z.mean() == pytest.approx(0.5, abs=0.03)
    assert z.std() == pytest.approx(np.exp(-0.5), rel=0.03)


def test_encoder_and_discriminator_learn_against_each_other():
    import tensorflow as tf

    from training.models.layers import Adversary

    layer = Adversary([8], 1.0, seed=1)
    code = tf.Variable(np.random.default_rng(0).normal(2, 1, (64, 2)).astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        layer(code, training=True)
        loss = layer.losses[0]
        logit = layer.judge(code)
        deceived = tf.reduce_mean(tf.nn.softplus(-logit))
        found = tf.reduce_mean(tf.nn.softplus(logit))
        drawn = tf.random.stateless_normal((64, 2), tf.constant([1, 1]))
        found += tf.reduce_mean(tf.nn.softplus(-layer.judge(drawn)))
    weights = layer.verdict.kernel.value
    np.testing.assert_allclose(tape.gradient(loss, code), tape.gradient(deceived, code), rtol=1e-4)
    np.testing.assert_allclose(
        tape.gradient(loss, weights), tape.gradient(found, weights), rtol=1e-4, atol=1e-6
    )


def test_pretraining_lowers_the_loss_before_the_first_whole_epoch(windows):
    from training.pretrain import pretrain

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
    from training.pretrain import pretrain

    dense = models.family("dense")
    settings = dense.Settings(family="dense", hidden=[20], code=10)
    model = dense.build(settings, 100, 1, seed=1)
    seen = []

    def damage(x, seeds):
        seen.append(x.shape[1])
        return 0 * x

    pretrain(model, windows, Fit(pretrain=1), 1, damage)
    assert set(seen) == {100}
    # From nothing there is nothing to learn but the mean: no weight of the encoder moves.
    begun = dense.build(settings, 100, 1, seed=1)
    kernels = [m.get_layer("encoder_1").kernel.numpy() for m in (model, begun)]
    np.testing.assert_array_equal(*kernels)


def test_pretraining_refuses_what_is_no_stack():
    from training.pretrain import pretrain

    conv = models.family("conv1d")
    model = conv.build(conv.Settings(family="conv1d"), 100, 1, seed=1)
    with pytest.raises(RecipeError, match=r"fit\.pretrain needs a mirrored stack"):
        pretrain(model, np.zeros((4, 100), np.float32), Fit(pretrain=1), seed=1)
