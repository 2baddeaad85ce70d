"""Run by a Python that has LLaMA-Factory: read an exported training set with its own loader.

    python llamafactory_loader.py FOLDER BASE

FOLDER has train.json and dataset_info.json. Prints a JSON: the number of samples, how many of them
have videos, and the answers that are trained on.
"""

import contextlib
import json
import sys


def main(folder: str, base: str) -> None:
    with contextlib.redirect_stdout(sys.stderr):
        from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
        from llamafactory.hparams import get_train_args
        from llamafactory.model import load_tokenizer

        model, data, training, _, _ = get_train_args(
            {
                "stage": "sft", "do_train": True, "finetuning_type": "lora", "template": "qwen2_vl",
                "model_name_or_path": base, "dataset": "touchline", "dataset_dir": folder,
                "output_dir": f"{folder}/out", "cutoff_len": 32768, "report_to": "none",
                "overwrite_cache": True,
            }
        )  # fmt: skip
        processors = load_tokenizer(model)
        tokenizer = processors["tokenizer"]
        template = get_template_and_fix_tokenizer(tokenizer, data)
        read = get_dataset(template, model, data, training, stage="sft", **processors)
        samples = read["train_dataset"]
        answers = [
            tokenizer.decode([token for token in row["labels"] if token >= 0]) for row in samples
        ]
        videos = sum(bool(row["videos"]) for row in samples)
    print(json.dumps({"samples": len(samples), "videos": videos, "answers": answers}))


if __name__ == "__main__":
    main(*sys.argv[1:])
