"""Build of the extension, with the firmware's flags for arithmetic."""

from setuptools.command.build_ext import build_ext


class BuildExt(build_ext):  # type: ignore[misc]  # setuptools has no types
    """Add pybind11's headers and the flags that bit-exactness requires."""

    def build_extensions(self) -> None:
        """Compile as C++17, without contraction of a * b + c."""
        import pybind11  # setup without building an extension does not need it

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
