"""The private and undocumented parts of transformers and TRL that fine-tuning depends on.

They are all in this module, each with its reason, so that an upgrade of these libraries is checked
in one place; pyproject.toml bounds both to the minor versions that were checked. Another
undocumented part, `get_rope_index` of the Qwen-VL models, is in `touchline.models.lm.positions`,
since inference needs it too and must not import a trainer.
"""

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import Trainer

from touchline.jobs import checkpoints


class TrainerInternals(Trainer):
    """A base of `PrefixTrainer`, before `SFTTrainer`, that turns private methods into two hooks."""

    # The sum of the step's losses since the last log. `log`, the public place to read the loss, is
    # called after the optimiser's step, too late to keep a NaN out of the weights.
    _tr_loss: Tensor

    def before_optimizer_step(self, model: nn.Module, grad_norm: float, loss: Tensor) -> None:
        """Called after a step's backward passes; an exception prevents the optimiser's step."""
        raise NotImplementedError

    def finish_checkpoint(self) -> None:
        """Called in every process when a checkpoint has been written into the output folder."""
        raise NotImplementedError

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        """Override: the callback before the optimiser's step does not get the gradient's norm."""
        grad_norm = super()._get_grad_norm(model, grad_norm)
        self.before_optimizer_step(model, grad_norm, self._tr_loss)
        return grad_norm

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Override: `save_now` writes checkpoints too, without the callback `on_save`.

        The method of `Trainer` is called, since TRL's adds a model card for the model hub.
        """
        Trainer._save_checkpoint(self, model, trial)
        self.finish_checkpoint()

    def written_checkpoint(self) -> Path:
        """Return the folder that `Trainer._save_checkpoint` writes for the current step."""
        return Path(str(self.args.output_dir)) / f"{checkpoints.NAME}{self.state.global_step}"

    def save_now(self) -> None:
        """Write a checkpoint within a step, for which the library has no public method."""
        self._save_checkpoint(self.trained_model(), trial=None)

    def normalise_loss_by_tokens(self) -> None:
        """Divide the sum of the losses of the answer tokens by their number in the whole step.

        The attribute is undocumented. transformers sets it by the model's class, and that of
        Qwen3-VL says that it does not take the number of tokens, which TRL's loss does.
        """
        self.model_accepts_loss_kwargs = True

    def restore_adapter_precision(self) -> None:
        """Undo TRL's cast of a quantised model's adapter to bfloat16, which loses small updates.

        TRL has no option against it.
        """
        for weight in self.trained_model().parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()

    def trained_model(self) -> nn.Module:
        """Return the model, which the trainer declares as optional."""
        assert self.model is not None
        return self.model
