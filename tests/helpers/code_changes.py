"""Changes of the library's code in a copy of the project: to what it computes, or to its words alone."""

import ast
from pathlib import Path


def add_code(path: Path) -> None:
    """Let a module do something else, as far as its code can tell."""
    path.write_text(path.read_text() + "\nCHANGED = 1\n")


def add_text(path: Path) -> None:
    """Let a template or a style sheet have another content."""
    path.write_text(path.read_text() + "\n")


def redefine(path: Path, function: str, result: str) -> None:
    """Let a module's function return (or raise, …) something else: `result` is the body's line."""
    path.write_text(f"{path.read_text()}\n\ndef {function}(*_, **__):\n    {result}\n")


def pause(path: Path, name: str, seconds: float, attempts: int) -> None:
    """Let each call of a module's callable class wait first, in a training's first attempts."""
    path.write_text(
        f"{path.read_text()}\n\n"
        f"def _after_a_pause(*arguments, call={name}.__call__):\n"
        f"    import json, pathlib, time\n\n"
        f"    records = pathlib.Path('results/checkpoints').glob('*/attempts.json')\n"
        f"    if max(len(json.loads(record.read_text())) for record in records) <= {attempts}:\n"
        f"        time.sleep({seconds})\n"
        f"    return call(*arguments)\n\n\n"
        f"{name}.__call__ = _after_a_pause\n"
    )


def describe_otherwise(path: Path) -> None:
    """Add a comment, reformat a module and change all its docstrings."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body[0].value = ast.Constant("Other words.")
    path.write_text(f"# A comment.\n{ast.unparse(tree)}\n")


def reword(path: Path) -> None:
    """Change the words of a module's errors, problems, messages and help texts."""
    tree = ast.parse(path.read_text())
    changed = 0
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name in ("InputError", "Problem", "print"):
            texts = [one for one in ast.walk(call) if _is_text(one) and one is not call]
        elif name == "add_argument":
            texts = [
                one.value for one in call.keywords if one.arg == "help" and _is_text(one.value)
            ]
        else:
            continue
        for text in texts:
            text.value += " In other words."
            changed += 1
    assert changed, f"{path} tells nobody anything"
    path.write_text(ast.unparse(tree) + "\n")


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
