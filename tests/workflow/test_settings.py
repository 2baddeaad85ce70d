"""config/README.md, config.yaml and the schema describe the same settings, with the same defaults."""

import re
from collections.abc import Iterator

import yaml

from project import ROOT

DEFINITIONS = {"vlm": "language_model", "causal_lm": "language_model", "openai_api": "api_model"}
OF_EVERY_MODEL = ("backend", "threshold", "trained_as")


def described() -> dict[str, str]:
    """Return each setting that config/README.md describes, `models.<backend>.…`, and its default."""
    found, names = {}, []
    for line in (ROOT / "config/README.md").read_text().splitlines():
        if heading := re.match(r"(##+) (.*)", line):
            names = re.findall(r"`(\w+)`", heading[2])
            if heading[1] == "###":
                names = [f"models.{name}" for name in names]
        elif row := re.match(r"\| `([\w.]+)` \| (.*?) \| ", line):
            where = [""] if row[1] in names else [f"{name}." for name in names]
            found |= {prefix + row[1]: row[2] for prefix in where}
    return found


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield (path, value) of every setting; a mapping of the user's own names is one setting."""
    if isinstance(value, dict) and value and path not in ("labels", "queries"):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    else:
        yield path, value


def configured() -> dict[str, object]:
    """Return the settings of config.yaml; those of models by their backend, of the first such model."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    found = {}
    for entry in config.pop("models").values():
        own = {name: value for name, value in entry.items() if name not in OF_EVERY_MODEL}
        found = dict(leaves(own, f"models.{entry['backend']}")) | found
    return dict(leaves(config)) | found


def allowed(schema: dict, path: str = "") -> Iterator[str]:
    """Yield the path of every setting that a part of the schema knows."""
    for name, inner in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here
        if here not in ("models", "queries"):
            yield from allowed(inner, here)


def in_schema() -> set[str]:
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    found = set(allowed(schema))
    model = schema["properties"]["models"]["additionalProperties"]["properties"]
    for backend in model["backend"]["enum"]:
        definition = schema["$defs"][DEFINITIONS.get(backend, backend)]
        of_model = set(allowed(definition, f"models.{backend}"))
        found |= of_model - {f"models.{backend}.{name}" for name in OF_EVERY_MODEL}
    return found | {f"models.{name}" for name in model}


def is_described(path: str, names: set[str]) -> bool:
    """Say whether a setting is described, or one that holds it, or those that it holds."""
    parts = path.split(".")
    above = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return bool(above & names) or any(name.startswith(f"{path}.") for name in names)


def test_every_setting_is_described():
    names = set(described())
    known = set(configured()) | in_schema()
    assert len(known) > 100
    assert not [path for path in sorted(known) if not is_described(path, names)]
    assert not is_described("grid.width_s", names)


def test_no_setting_is_described_that_is_not_there():
    known = in_schema()
    free = ("models.openai_api.parameters.",)
    assert not [path for path in described() if path not in known and not path.startswith(free)]


def test_the_defaults_are_those_of_the_configuration():
    config = configured()
    wrong = []
    for path, text in described().items():
        if path.startswith("models.causal_lm."):
            continue  # described with those of `vlm`
        if text == "–":
            wrong += [path] * (path in config)
        elif value := re.fullmatch(r"`(.*)`", text):
            wrong += [path] * (config.get(path, "nothing") != yaml.safe_load(value[1]))
    assert not wrong
