"""Makes SCons quote paths in which a folder's name has quotation marks.

SCons quotes arguments with spaces, but passes quotation marks on to the shell as they are.
"""

from pathlib import Path

from SCons.Subst import CmdStringHolder

Import("env")

project = Path(env.subst("$PROJECT_DIR"))
quoted = [str(path) for path in (project, *project.parents) if set(path.name) & set("'\"")]
unpatched = CmdStringHolder.escape


def escape(self, escape_function, *arguments):
    """Return the argument for the shell."""
    if quoted[-1] in self.data:
        return escape_function(self.data)
    return unpatched(self, escape_function, *arguments)


if quoted:
    CmdStringHolder.escape = escape
