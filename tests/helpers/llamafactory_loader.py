"""Run by a Python that has LLaMA-Factory: read an exported training set, and take a step on it.

    python llamafactory_loader.py FOLDER BASE

FOLDER has train.json and dataset_info.json. Prints a JSON: the number of samples, how many of them
have videos, the answers that are trained on, and the loss of a step with LoRA.
"""

import contextlib
import json
import sys
from pathlib import Path


def main(folder: str, base: str) -> None:
    with contextlib.redirect_stdout(sys.stderr):
        from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
        from llamafactory.hparams import get_train_args
        from llamafactory.model import load_tokenizer
        from llamafactory.train.tuner import run_exp

        options = {
            "stage": "sft", "do_train": True, "finetuning_type": "lora", "template": "qwen2_vl",
            "model_name_or_path": base, "dataset": "touchline", "dataset_dir": folder,
            "output_dir": f"{folder}/out", "cutoff_len": 32768, "report_to": "none",
            "overwrite_cache": True,
        }  # fmt: skip
        model, data, training, _, _ = get_train_args(dict(options))
        processors = load_tokenizer(model)
        tokenizer = processors["tokenizer"]
        template = get_template_and_fix_tokenizer(tokenizer, data)
        read = get_dataset(template, model, data, training, stage="sft", **processors)
        samples = read["train_dataset"]
        answers = [
            tokenizer.decode([token for token in row["labels"] if token >= 0]) for row in samples
        ]
        videos = sum(bool(row["videos"]) for row in samples)
        run_exp(options | {"max_steps": 1, "per_device_train_batch_size": 1, "use_cpu": True})
        loss = json.loads(Path(f"{folder}/out/train_results.json").read_text())["train_loss"]
    read = {"samples": len(samples), "videos": videos, "answers": answers, "loss": loss}
    print(json.dumps(read))


if __name__ == "__main__":
    main(*sys.argv[1:])
