"""What Dagster's runs write to the console and the journal, with every control character of file names and values spelled out.

Dagster's event log itself keeps texts as they are: its UI shows them as text.
"""

import copy
import logging

import dagster as dg

from sahara_assets.untrusted import visible


class _Harmless(logging.Formatter):
    """Another formatter, fed with messages that move no cursor; its own colours stay."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        harmless = copy.copy(record)
        harmless.msg, harmless.args = visible(record.getMessage(), lines=True), None
        if record.exc_info and record.exc_info[1] is not None:
            harmless.exc_text = visible(self._inner.formatException(record.exc_info), lines=True)
        return self._inner.format(harmless)


@dg.logger(
    {
        "log_level": dg.Field(str, default_value="INFO", is_required=False, description="The least that is written."),
        "name": dg.Field(str, default_value="dagster", is_required=False, description="The logger's name."),
    },
    description="Dagster's usual log on the console, in which names and values of files cannot pass for anything else.",
)
def console_log(init_context: dg.InitLoggerContext) -> logging.Logger:
    """The logger that runs write to beside the event log."""
    logger: logging.Logger = dg.colored_console_logger.logger_fn(init_context)
    for handler in logger.handlers:
        handler.setFormatter(_Harmless(handler.formatter or logging.Formatter()))
    return logger
