"""Small settings of each recipe: two cores train the whole zoo with them in six minutes."""

# Few test images, because each runs through the interpreter's slow reference kernels.
_DIGITS = ("data.train=12000", "data.test=600")

SMALL: dict[str, tuple[str, ...]] = {
    "ecg5000": (),
    "ecg5000_tiny": (),
    "linear": (),
    "sparse": (),
    "sparse_kl": (),
    "denoising": (),
    "stacked": (),
    "variational": (),
    "lstm": (),
    "sines": ("data.train=400", "data.test=200", "fit.epochs=6"),
    "vibration": (),
    "nab": (),
    "mitdb": (),
    "activity": (),
    "mnist": (*_DIGITS, "fit.epochs=10"),
    "inpainting": (*_DIGITS, "fit.epochs=10"),
    "mnist_conv": ("data.train=2500", "data.test=100", "fit.epochs=6"),
    "mnist_variational": (*_DIGITS, "fit.epochs=20", "model.warm_up=500"),
    "adversarial": ("data.train=12000", "data.test=300", "fit.epochs=30"),
}

# Trained first, so that no process is left with a long one at the end.
SLOWEST_FIRST = ("mnist_conv", "adversarial", "lstm", "sines", "vibration", "mnist_variational")
