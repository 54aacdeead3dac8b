"""The compiled fit does what plain Keras does, faster, and the same each time."""

import re

import numpy as np
import pytest

from training import corruption, models, sections
from training.bundle.errors import RecipeError
from training.fit import fit
from training.flat_adam import LEFT_OUT, FlatAdam
from training.objectives import LOSSES, over_faults, over_windows
from training.weight_rounding import restore_all, round_all, rounded_kernels

pytestmark = pytest.mark.slow

SIZE = 24


def build(seed: int = 1, hidden: tuple[int, ...] = (12,)):
    import keras

    keras.utils.set_random_seed(seed)
    module = models.family("dense")
    settings = module.Settings(family="dense", hidden=list(hidden), code=4)
    return module.build(settings, SIZE, 1, seed)


@pytest.fixture(scope="module")
def windows():
    rng = np.random.default_rng(1)
    phase = rng.uniform(0, 2 * np.pi, (100, 1))
    x = np.sin(phase + np.arange(SIZE) / 3) + 0.1 * rng.standard_normal((100, SIZE))
    return x[:80].astype(np.float32), x[80:].astype(np.float32)


def test_one_batch_an_epoch_gives_plain_keras_weights(windows):
    # With the whole set in one batch there is no order to shuffle: both must walk the same path.
    import keras

    train, held = windows
    ours, plain = build(), build()
    settings = sections.Fit(batch=80, epochs=15, learning_rate=0.01)
    history = fit(ours, train, held, settings, seed=1)
    plain.compile(keras.optimizers.Adam(0.01), "mse")
    theirs = plain.fit(
        train, train, batch_size=80, epochs=15, verbose=0, validation_data=(held, held)
    ).history
    assert history.loss == pytest.approx(theirs["loss"], rel=1e-4)
    assert history.validation == pytest.approx(theirs["val_loss"], rel=1e-4)
    assert history.best_epoch == int(np.argmin(theirs["val_loss"]))


def test_batches_in_the_same_order_give_plain_keras_losses(windows, monkeypatch):
    # Apart from the order of the windows, the fit is that of Keras, a smaller last batch included.
    import keras
    import tensorflow as tf

    monkeypatch.setattr(tf.random.experimental, "stateless_shuffle", lambda value, seed: value)
    train, held = windows
    settings = sections.Fit(batch=32, epochs=15, learning_rate=0.003, power=3.0, schedule="cosine")
    history = fit(build(), train, held, settings, seed=1)
    plain = build()
    rate = keras.optimizers.schedules.CosineDecay(0.003, 3 * 15)
    plain.compile(keras.optimizers.Adam(rate), lambda x, y: over_windows(LOSSES["mse"](x, y), 3.0))
    theirs = plain.fit(
        train,
        train,
        batch_size=32,
        epochs=15,
        shuffle=False,
        verbose=0,
        validation_data=(held, held),
    ).history
    assert history.loss**3 == pytest.approx(theirs["loss"], rel=1e-3)
    assert history.validation**3 == pytest.approx(theirs["val_loss"], rel=1e-3)


def test_adam_on_a_flat_vector_gives_the_bytes_of_keras(windows, monkeypatch):
    import training.fit as module

    settings = sections.Fit(epochs=7, batch=32, power=2.0, schedule="cosine")

    def weights():
        model = build()
        fit(model, *windows, settings, seed=5)
        return b"".join(np.asarray(each).tobytes() for each in model.weights)

    flat = weights()

    def as_keras_does(optimizer, variables):
        optimizer.build(variables)
        return optimizer

    monkeypatch.setattr(module, "_prepared", as_keras_does)
    assert weights() == flat


def test_adam_with_a_setting_that_the_flat_vector_lacks_stays_that_of_keras():
    import keras

    import training.fit as module

    variables = build().trainable_variables
    optimizer = module.make_optimizer(sections.Fit(), 1)
    assert isinstance(module._prepared(optimizer, variables), FlatAdam)
    others = [keras.optimizers.Adam(**{name: 2}) for name in LEFT_OUT]
    for other in (*others, keras.optimizers.AdamW()):
        assert module._prepared(other, variables) is other


def test_a_last_batch_that_is_smaller_counts_by_its_windows(windows):
    train, held = windows
    settings = sections.Fit(batch=32, epochs=1, optimizer="sgd", learning_rate=1e-9)
    model = build()
    history = fit(model, train, held, settings, seed=1)
    error = ((model.predict(train, verbose=0) - train) ** 2).mean()
    assert history.loss[0] == pytest.approx(error, rel=1e-5)


def test_same_seed_same_weights_and_another_seed_others(windows):
    settings = sections.Fit(batch=16, epochs=5)
    damage = corruption.make(sections.Corruption(gaussian=0.1), 1)
    weights = []
    for seed in (1, 1, 2):
        model = build(seed=1)
        fit(model, *windows, settings, seed, corruption=damage)
        weights.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    assert (weights[0] == weights[1]).all()
    assert (weights[0] != weights[2]).any()


def test_early_stopping_keeps_the_best_epoch(windows):
    train, held = windows
    model = build()
    settings = sections.Fit(batch=16, epochs=400, patience=3, learning_rate=0.05)
    history = fit(model, train, held, settings, seed=1)
    assert len(history.loss) < 400
    assert len(history.loss) == len(history.validation) == history.best_epoch + 1 + 3
    assert history.best_epoch == int(np.argmin(history.validation))
    error = ((model.predict(held, verbose=0) - held) ** 2).mean()
    assert error == pytest.approx(history.validation.min(), rel=1e-4)


def test_abnormal_windows_end_with_a_larger_error_and_normal_ones_keep_theirs(windows):
    train, held = windows
    # Sines too, so that a model of the normal ones reconstructs them in part.
    faults = np.abs(train[:40])
    settings = sections.Fit(batch=32, epochs=200, learning_rate=0.01, power=2.0, schedule="cosine")

    def errors(abnormal: float):
        model = build()
        of_faults = faults[:24] if abnormal else None
        changed = settings.model_copy(update={"abnormal": abnormal})
        fit(model, train, held[:0], changed, seed=1, abnormal=of_faults)
        return [((model.predict(x, verbose=0) - x) ** 2).mean(axis=1) for x in (held, faults[24:])]

    (normal, unlike), (normal_too, apart) = errors(0.0), errors(0.05)
    assert normal_too.mean() < 1.5 * normal.mean()
    assert np.median(apart) > 2 * np.median(unlike)  # also of those that the fit did not see


def test_abnormal_windows_are_drawn_anew_in_each_step_and_alike_for_one_seed(windows):
    train, held = windows
    still = sections.Fit(
        batch=80, epochs=3, optimizer="sgd", learning_rate=1e-12, abnormal=0.1, power=2.0
    )
    faults = np.abs(train) * np.linspace(0.1, 2, len(train), dtype=np.float32)[:, None]
    first, again = (fit(build(), train, held, still, 1, abnormal=faults) for _ in range(2))
    assert len(set(first.loss.tolist())) == 3
    assert len(set(first.validation.tolist())) == 1  # the same draw in every epoch
    assert (first.loss == again.loss).all()


def test_without_held_out_windows_it_runs_to_the_end(windows):
    train, held = windows
    history = fit(build(), train, held[:0], sections.Fit(epochs=7, patience=2), seed=1)
    assert len(history.loss) == 7 and np.isnan(history.validation).all()
    assert history.best_epoch == 6


def test_what_is_judged_is_what_is_minimised_penalties_included(windows):
    # One batch of all training windows, held out as well, and no step to speak of: both agree.
    train, _ = windows
    settings = sections.Fit(batch=80, epochs=1, optimizer="sgd", learning_rate=1e-9)
    # The last two draw, and the held-out windows have draws of their own.
    for family, tolerance, rest in (
        ("sparse", 1e-5, {"code": 40, "weight": 0.5}),
        ("sparse", 1e-5, {"code": 40, "weight": 0.5, "penalty": "kl"}),
        ("variational", 0.15, {"hidden": [12], "code": 4, "beta": 5.0}),
        ("adversarial", 0.15, {"hidden": [12], "code": 4, "weight": 3.0}),
    ):
        module = models.family(family)
        model = module.build(module.Settings(family=family, **rest), SIZE, 1, seed=1)
        history = fit(model, train, train, settings, seed=1)
        error = ((model.predict(train, verbose=0) - train) ** 2).mean()
        assert history.validation[0] > 1.5 * error
        assert history.validation[0] == pytest.approx(history.loss[0], rel=tolerance)


def test_held_out_windows_take_no_step_and_the_same_draws_every_epoch(windows):
    train, held = windows
    module = models.family("variational")
    settings = module.Settings(family="variational", hidden=[12], code=4)
    model = module.build(settings, SIZE, 1, seed=1)
    still = sections.Fit(batch=80, epochs=3, optimizer="sgd", learning_rate=1e-12)
    history = fit(model, train, held, still, seed=1)
    assert int(model.get_layer("sample").step) == 1  # best_epoch 0: the weights of the first step
    assert history.best_epoch == 0 and len(set(history.validation.tolist())) == 1
    assert len(set(history.loss.tolist())) == 3


def test_epochs_before_the_end_of_the_warm_up_are_not_chosen_from(windows):
    train, held = windows
    module = models.family("variational")
    settings = module.Settings(family="variational", hidden=[12], code=4, beta=50.0, warm_up=60)
    model = module.build(settings, SIZE, 1, seed=1)
    # Two small steps an epoch: until beta is whole, in the 30th, the objective only grows.
    slow = sections.Fit(batch=40, epochs=40, patience=3, learning_rate=1e-6)
    history = fit(model, train, held, slow, seed=1)
    assert np.argmin(history.validation) == 0 and history.best_epoch >= 29
    assert len(history.loss) >= 33
    with pytest.raises(RecipeError, match=r"model\.warm_up is 60 steps, but fit\.epochs 10 have"):
        fit(model, train, held, sections.Fit(batch=40, epochs=10), seed=1)


@pytest.mark.parametrize("held_back", [20, 0])
def test_a_fit_that_diverges_says_so(windows, held_back):
    train, held = windows
    wild = sections.Fit(batch=16, epochs=30, optimizer="sgd", learning_rate=10)
    module = models.family("dense")
    # Linear: RELUs could die and stop it.
    shape = {"hidden": [], "code": 4, "code_activation": "linear"}
    model = module.build(module.Settings(family="dense", **shape), SIZE, 1, seed=1)
    with pytest.raises(RecipeError) as caught:
        fit(model, train, held[:held_back], wild, seed=1)
    assert re.fullmatch(
        r"the fit diverged in epoch \d+: lower fit\.learning_rate", str(caught.value)
    )


def test_a_fit_that_diverges_before_the_end_of_the_warm_up_says_so(windows):
    import tensorflow as tf

    train, held = windows
    module = models.family("variational")
    settings = module.Settings(family="variational", hidden=[12], code=4, warm_up=18)
    model = module.build(settings, SIZE, 1, seed=1)

    def damage(x, seed):  # two steps per epoch; not a number from the eighth epoch on
        return corruption.Corrupted(tf.where(seed[1] < 14, x, np.nan), tf.zeros_like(x, tf.bool))

    # Epochs are run by tens, and those from the ninth on count.
    fast = sections.Fit(batch=40, epochs=200, patience=2)
    with pytest.raises(RecipeError, match="diverged in epoch 8"):
        fit(model, train, held, fast, seed=1, corruption=damage)


def test_power_raises_each_windows_loss_and_reports_their_power_mean(windows):
    train, held = windows
    settings = sections.Fit(batch=80, epochs=1, optimizer="sgd", learning_rate=1e-9, power=3.0)
    model = build()
    history = fit(model, train, held, settings, seed=1)
    for given, reported in ((train, history.loss), (held, history.validation)):
        losses = ((model.predict(given, verbose=0) - given) ** 2).mean(axis=1)
        assert reported[0] == pytest.approx((losses**3).mean() ** (1 / 3), rel=1e-4)


def test_given_values_weigh_less_than_hidden_ones(windows):
    train, held = windows
    hide = sections.Corruption(span=3)
    settings = sections.Fit(
        batch=80, epochs=1, optimizer="sgd", learning_rate=1e-9, given_weight=0.25
    )
    model, damage = build(), corruption.make(hide, 1)
    history = fit(model, train, held, settings, seed=1, corruption=damage)
    hidden_input, hidden = (np.asarray(each) for each in damage(held, np.array([1, -1])))
    weight = np.where(hidden, 1, 0.25)
    error = (model.predict(hidden_input, verbose=0) - held) ** 2
    expected = (error * weight).sum(axis=1) / weight.sum(axis=1)
    assert history.validation[0] == pytest.approx(expected.mean(), rel=1e-5)


def test_losses_are_their_formulas():
    rng = np.random.default_rng(1)
    t, y = rng.uniform(0.05, 0.95, (2, 5, 7)).astype(np.float32)
    expected = {
        "mse": ((t - y) ** 2).mean(1),
        "mae": np.abs(t - y).mean(1),
        "binary_crossentropy": -(t * np.log(y) + (1 - t) * np.log(1 - y)).mean(1),
    }
    assert set(expected) == set(LOSSES)
    for name, value in expected.items():
        assert LOSSES[name](t, y).numpy() == pytest.approx(value, rel=1e-5)
    losses = np.array([1.0, 2.0, 3.0], np.float32)
    assert float(over_windows(losses, 1)) == 2
    assert float(over_windows(losses, 2)) == pytest.approx(14 / 3)
    expected = np.mean((0.5 / (losses + 0.005)) ** 2)
    assert float(over_faults(losses, 0.5, 2)) == pytest.approx(expected, rel=1e-5)


def test_with_rounded_weights_a_step_takes_its_gradient_at_the_int8_kernels(windows):
    import tensorflow as tf

    train, held = windows
    rate = 0.5
    model, twin = build(), build()
    settings = sections.Fit(
        batch=80, epochs=1, optimizer="sgd", learning_rate=rate, round_weights=True
    )
    fit(model, train, held[:0], settings, seed=1)
    exact = [v.numpy() for v in twin.trainable_variables]
    for v in twin.trainable_variables:
        v.assign(int8_steps(v.numpy()))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(twin(train) - train))
    gradients = tape.gradient(loss, twin.trainable_variables)
    for got, before, slope in zip(model.trainable_variables, exact, gradients, strict=True):
        want = int8_steps(before - rate * slope.numpy())
        # A value half way between two steps may go either way.
        assert np.isclose(got.numpy(), want, atol=1e-6).mean() > 0.99


def int8_steps(kernel):
    if kernel.ndim < 2:
        return kernel
    step = np.abs(kernel).max() / 127
    return np.rint(kernel / step) * step


def test_rounded_kernels_have_the_converters_scales():
    import keras

    layers = [
        keras.layers.Conv2D(3, 2, padding="same"),
        keras.layers.Conv2DTranspose(5, 2, padding="same"),
        keras.layers.Dense(4),
    ]
    model = keras.Sequential([keras.Input((4, 4, 2)), *layers])
    exact = round_all(rounded_kernels(model))
    for layer, axis in zip(layers, (3, 2, None), strict=True):
        kernel = layer.kernel.numpy()
        others = tuple(i for i in range(kernel.ndim) if i != axis)
        steps = kernel / (np.abs(kernel).max(axis=others, keepdims=True) / 127)
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    restore_all(rounded_kernels(model), exact)
    np.testing.assert_array_equal(layers[0].kernel.numpy(), exact[0].numpy())
