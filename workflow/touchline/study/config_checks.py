"""Configuration checks beyond its schema: settings that contradict each other."""

from touchline.core.problems import InputError


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
