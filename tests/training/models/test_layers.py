"""Layers of training: penalties, sampling and the discriminator follow their formulas."""

import numpy as np
import pytest

from training.models.layers import Adversary, Sampling, Sparsity
from training.tensorflow_setup import tf

pytestmark = pytest.mark.slow


def test_penalties_equal_their_formulas():
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
    layer = Adversary([8], 1.0, seed=1)
    code = tf.Variable(np.random.default_rng(0).normal(2, 1, (64, 2)).astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        layer(code, training=True)
        loss = layer.losses[0]
        logit = layer.judge(code)
        deceived = tf.reduce_mean(tf.nn.softplus(-logit))
        expected = tf.reduce_mean(tf.nn.softplus(logit))
        drawn = tf.random.stateless_normal((64, 2), tf.constant([1, 1]))
        expected += tf.reduce_mean(tf.nn.softplus(-layer.judge(drawn)))
    weights = layer.verdict.kernel.value
    np.testing.assert_allclose(tape.gradient(loss, code), tape.gradient(deceived, code), rtol=1e-4)
    np.testing.assert_allclose(
        tape.gradient(loss, weights), tape.gradient(expected, weights), rtol=1e-4, atol=1e-6
    )
