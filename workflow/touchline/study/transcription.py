"""Labels and commentary of a study: the files of the sheet, and transcripts where it has none."""

import shlex
from itertools import chain
from pathlib import Path

from touchline.study.definition import StudyDefinition
from touchline.study.job_arguments import as_inputs, checksums, flags, state_of_others, versions
from touchline.study.paths import FURTHER, TRANSCRIPT, Wildcards


class TranscribedStudy(StudyDefinition):
    """A study whose videos are transcribed where the configuration says so, `transcribe.when`."""

    def labels_file(self, wildcards: Wildcards) -> list[str]:
        """Return the label file of a match, or nothing where it has none."""
        return list(self.files("labels", wildcards.match).values())[:1]

    def labels_input(self, wildcards: Wildcards) -> list[str]:
        """Return the label file of a match as an input, where Snakemake can take it for one."""
        return as_inputs(self.labels_file(wildcards))

    def labels_content(self, wildcards: Wildcards) -> str:
        """Return the checksum of a match's label file."""
        return checksums(self.labels_file(wildcards))

    def labels_arguments(self, wildcards: Wildcards) -> str:
        """Return the arguments of `touchline labels`."""
        return flags(
            match=wildcards.match,
            file=self.labels_file(wildcards) or None,
            durations=self.durations(wildcards.match),
            actions=self.config["labels"],
            on_problem=self.config["on_problem"],
        )

    def transcripts(self, match: str) -> dict[int, str]:
        """Return the transcript of each half that has a video and an empty commentary cell."""
        if self.config["transcribe"]["when"] == "never":
            return {}
        given = self.files("commentary", match)
        return {
            half: TRANSCRIPT.format(match=match, half=half)
            for half in self.files("video", match)
            if half not in given
        }

    def commentary_of(self, match: str) -> dict[int, str]:
        """Return the commentary file of each half of a match that has or gets one."""
        return dict(sorted((self.files("commentary", match) | self.transcripts(match)).items()))

    def commentary_files(self, wildcards: Wildcards) -> list[str]:
        """Return the commentary files of a match that the sheet names."""
        further = self.further_files(wildcards.match).values()
        return [*self.files("commentary", wildcards.match).values(), *chain(*further)]

    def further_commentary(self, wildcards: Wildcards) -> list[str]:
        """Return the further transcripts of a match, for a model that reads them, if it has any."""
        reads = self.reads_transcripts(wildcards.model) and self.further_files(wildcards.match)
        return [FURTHER.format(match=wildcards.match)] if reads else []

    def training_transcripts(self, wildcards: Wildcards) -> list[str]:
        """Return the further transcripts that a model is trained on, of the matches that have any."""
        matches = self.fitted(wildcards.model) if self.reads_transcripts(wildcards.model) else []
        return [FURTHER.format(match=match) for match in matches if self.further_files(match)]

    def commentary_input(self, wildcards: Wildcards) -> list[str]:
        """Return the commentary files of a match as inputs, where Snakemake can take them for some."""
        transcripts = list(self.transcripts(wildcards.match).values())
        return as_inputs(self.commentary_files(wildcards)) + transcripts

    def commentary_content(self, wildcards: Wildcards) -> str:
        """Return the checksums of a match's commentary files that no job makes."""
        return checksums(self.commentary_files(wildcards))

    def commentary_arguments(self, wildcards: Wildcards) -> str:
        """Return the arguments of `touchline commentary`."""
        return flags(
            match=wildcards.match,
            files=self.commentary_of(wildcards.match),
            further=self.further_files(wildcards.match) or None,
            durations=self.durations(wildcards.match),
            on_problem=self.config["on_problem"],
        )

    def video_file(self, wildcards: Wildcards) -> str:
        """Return the video of a half."""
        return self.files("video", wildcards.match)[int(wildcards.half)]

    def video_input(self, wildcards: Wildcards) -> list[str]:
        """Return the video of a half as an input, where Snakemake can take it for one."""
        return as_inputs([self.video_file(wildcards)])

    def video_state(self, wildcards: Wildcards) -> str:
        """Return the size and time of a video that is no input."""
        return state_of_others([self.video_file(wildcards)])

    def transcribe_arguments(self, wildcards: Wildcards) -> str:
        """Return the settings and the video of `touchline transcribe`."""
        settings = {key: value for key, value in self.config["transcribe"].items() if key != "when"}
        options = flags(on_problem=self.config["on_problem"], **settings)
        return f"{options} -- {shlex.quote(self.video_file(wildcards))}"

    def transcribe_weights(self, wildcards: Wildcards) -> str:
        """Return the size and time of the weights in a folder that the configuration names."""
        weights = Path(self.config["transcribe"]["model"]) / "model.bin"
        if not weights.is_file():
            return ""
        status = weights.stat()
        return f"{status.st_size}:{status.st_mtime_ns}"

    def transcribe_packages(self, wildcards: Wildcards) -> str:
        """Return the versions of the packages that recognise speech."""
        return versions("transcribe")
