"""The end of a training that saved its state, to go on when the same command runs again."""

UNFINISHED = 75  # exit status of a job that has to run again: a training, or answers still to come


class Unfinished(SystemExit):
    """Ends the process with status 75.

    `out_of_time`: by its own decision, before its time was up; otherwise it was told to end.
    """

    def __init__(self, reason: str, out_of_time: bool = False) -> None:
        super().__init__(reason, out_of_time)  # which a process needs to hand it to another
        self.reason, self.out_of_time, self.code = reason, out_of_time, UNFINISHED
