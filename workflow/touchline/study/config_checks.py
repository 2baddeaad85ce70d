"""Configuration checks beyond its schema: settings that contradict each other."""

from touchline.core.problems import InputError
from touchline.models import catalogue


def check_config(config: dict) -> None:
    """Raise `InputError` where two settings of the configuration contradict each other."""
    unknown = [model for model in config["compare"] if model not in config["models"]]
    if unknown:
        raise InputError(
            f"configuration: compare: no model {', '.join(unknown)}. "
            f"The models: section has {', '.join(config['models'])}."
        )
    known = sorted(set(config["labels"].values()))
    unknown = [action for action in config["samples"]["actions"] if action not in known]
    if unknown:
        raise InputError(
            f"configuration: samples.actions: no label leads to {', '.join(unknown)}. "
            f"The labels: section leads to {', '.join(known)}."
        )
    grid = config["grid"]
    if grid["overlap_s"] >= grid["length_s"]:
        raise InputError(
            f"configuration: grid: chunks of {grid['length_s']} s cannot share "
            f"{grid['overlap_s']} s. Make overlap_s smaller than length_s."
        )
    for model, entry in config["models"].items():
        _check_parents(model, entry, config)
        _check_training(model, entry, config)
        _check_ablation(model, entry)


def _check_training(model: str, entry: dict, config: dict) -> None:
    """Raise `InputError` where a model cannot answer with the weights that it names."""
    if "trained_as" not in entry:
        return
    where, other = f"configuration: models.{model}.trained_as", entry["trained_as"]
    trained = config["models"][other]
    if entry["backend"] != trained["backend"]:
        raise InputError(
            f"{where}: {other} has the backend {trained['backend']}, not {entry['backend']}. Leave "
            "out the backend's name, and it is that one."
        )
    if not catalogue.is_trained(trained):
        raise InputError(f"{where}: {other} is not trained. Name a model that is.")
    if not catalogue.is_trained(entry):
        raise InputError(f"{where}: fine_tune is false. Leave out one of the two.")
    ours, theirs = (
        catalogue.training_settings_of(one, config["labels"]) for one in (entry, trained)
    )
    if differing := sorted(
        name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
    ):
        answering = ", ".join(catalogue.BACKENDS[entry["backend"]].answering)
        raise InputError(
            f"{where}: another {', '.join(differing)} than that of {other} needs a training of its "
            f"own. Only threshold{', ' if answering else ''}{answering} may differ."
        )


def _check_parents(model: str, entry: dict, config: dict) -> None:
    """Raise `InputError` where a compared model cannot join the models that it names."""
    where = f"configuration: models.{model}.parents"
    if model not in config["compare"]:
        return
    for parent in catalogue.parents_of(entry):
        if parent not in config["models"]:
            raise InputError(
                f"{where}: no model {parent}. The models: section has {', '.join(config['models'])}."
            )
        if others := catalogue.parents_of(config["models"][parent]):
            raise InputError(
                f"{where}: {parent} joins models itself. Name its parents, {', '.join(others)}."
            )
        if parent not in config["compare"]:
            raise InputError(
                f"{where}: {parent} is not in compare, so the tables could not say what it adds. "
                "Add it there."
            )


def _check_ablation(model: str, entry: dict) -> None:
    """Raise `InputError` where a model is to answer without an input that it does not have."""
    inputs = catalogue.inputs_of(entry)
    if absent := [name for name in entry.get("ablate", []) if name not in inputs]:
        raise InputError(
            f"configuration: models.{model}.ablate: its prompts have no {', '.join(absent)}, only "
            f"{', '.join(inputs)} (prompt.inputs)."
        )
