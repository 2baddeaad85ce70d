"""Snakemake's `logger: touchline`: the progress of a study, by stage (touchline.study.progress)."""

from logging import LogRecord

from snakemake.logging import DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase

from touchline.study.progress import Progress


class LogHandler(LogHandlerBase):
    """Passes Snakemake's messages to `Progress`, in place of Snakemake's own lines per job."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        settings = self.common_settings
        quiet = set(settings.quiet or ())
        self.addFilter(
            DefaultFilter(
                quiet,
                settings.debug_dag,
                settings.verbose,
                settings.dryrun,
                settings.printshellcmds,
            )
        )
        self.setFormatter(DefaultFormatter(quiet, settings.show_failed_logs))
        self.progress = Progress(
            self.format,
            to_stdout=settings.stdout,
            plain=settings.dryrun or settings.verbose or bool(settings.debug_dag),
            show_failed_logs=settings.show_failed_logs,
        )

    def filter(self, record: LogRecord) -> bool | LogRecord:
        """Let every event of a job through: `quiet` is about Snakemake's lines, not these."""
        return self.progress.handles(record) or super().filter(record)

    def emit(self, record: LogRecord) -> None:
        try:
            self.progress.update(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self.progress.close()
        super().close()
