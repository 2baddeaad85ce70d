"""Exit status of a job that saved its state and goes on when the same command runs again."""

UNFINISHED = 75  # exit status of an unfinished training, or of answers that are still to come


class Unfinished(SystemExit):
    """Ends the process with the exit status `UNFINISHED`.

    `out_of_time` says that the job stopped by itself before its time limit; otherwise a signal
    stopped it.
    """

    def __init__(self, reason: str, out_of_time: bool = False) -> None:
        super().__init__(
            reason, out_of_time
        )  # both arguments, as unpickling in another process needs them
        self.reason, self.out_of_time, self.code = reason, out_of_time, UNFINISHED
