"""The console command `touchline`: each stage of the library is a command of its module's name.

A command's module is imported when it is called, so that `touchline --help` starts at once and a
stage without a neural network never loads torch.
"""

import ast
import sys
from pathlib import Path

from touchline.core import cli
from touchline.core.problems import printable

# Package → its commands; a command is the module of the same name in that package.
COMMANDS = {
    "data": ("sheet", "check", "labels", "commentary", "samples"),
    "video": ("chunks",),
    "scoreboard": ("scoreboard",),
    "models": ("fit", "infer", "estimate"),
    "models.lm": ("merge",),
    "models.lm.finetuning": ("export",),
    "evaluation": ("score", "metrics", "average_map", "tables"),
    "report": ("figures", "loss_figure", "scoreboard_figure", "report", "describe", "publish"),
    "reels": ("question", "highlights", "reel_page"),
    "own": ("reel", "transcribe"),
    "demo": ("demo_matches", "demo_base"),
    "study": ("provenance", "dag"),
}
_LIBRARY = Path(__file__).parent
_USAGE = "usage: touchline COMMAND [ARGUMENTS]\n       touchline COMMAND --help"


def module_of(command: str) -> str | None:
    """Return the name of a command's module, or None for an unknown command."""
    for package, commands in COMMANDS.items():
        if command in commands:
            return f"touchline.{package}.{command}"
    return None


def help_text() -> str:
    """Return all commands by package, each with the first line of its module's docstring."""
    parts = [_USAGE, f"\n{_summary(_LIBRARY / '__init__.py')}"]
    for package, commands in COMMANDS.items():
        folder = _LIBRARY / package.replace(".", "/")
        parts.append(f"\n{package}: {_summary(folder / '__init__.py')}")
        parts += [f"  {command:<13} {_summary(folder / f'{command}.py')}" for command in commands]
    return "\n".join(parts)


def _summary(path: Path) -> str:
    """Return the first line of a module's docstring; the module is not imported."""
    return (ast.get_docstring(ast.parse(path.read_bytes())) or "").split("\n")[0]


def main() -> None:
    """Run the command that `sys.argv` names."""
    command, *arguments = sys.argv[1:] or ["--help"]
    if command in ("-h", "--help", "help"):
        print(help_text())
        return
    module = module_of(command.replace("-", "_"))
    if module is None:
        known = f"there is no command '{command}'. `touchline --help` lists them."
        sys.exit(f"error: {printable(known)}")
    cli.run(module, arguments)
