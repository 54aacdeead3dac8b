"""How the extension is compiled: with the arithmetic flags that the firmware is compiled with."""

from setuptools.command.build_ext import build_ext


class BuildExt(build_ext):  # type: ignore[misc]  # setuptools has no types
    """Add pybind11's headers and the flags on which bit-exactness rests."""

    def build_extensions(self) -> None:
        """Compile every extension as C++17, without contraction of a * b + c."""
        import pybind11  # here, so that setup can read this file before pybind11 is installed

        for extension in self.extensions:
            extension.include_dirs += [pybind11.get_include(), "firmware/lib/span"]
            extension.extra_compile_args += [
                "-std=c++17",
                "-O2",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-ffp-contract=off",
                "-fvisibility=hidden",
            ]
        super().build_extensions()
