"""The one tree of errors.

LcodeError
├── UserError                  one line and a hint for the user; no traceback
│   ├── UsageError             wrong words on the command line             (exit 2)
│   ├── ConfigError            a settings file or a value in it is wrong
│   ├── StoppedError           stopped by a limit or a refused permission   (exit 3)
│   │   └── CostLimit          the next call of a model could cost more than the user allows
│   ├── StoreError             the memory store cannot be used
│   │   ├── StoreBusy          somebody else holds it for too long          (exit 75)
│   │   ├── StoreUnwritable    disk full, read-only, I/O error              (exit 75)
│   │   ├── StoreNewer         written by a newer lcode
│   │   └── StoreDamaged       the file is not what was written
│   ├── SessionBusy            the session is open elsewhere                (exit 75)
│   ├── MemoryEditError        a memory edit that cannot be applied; the text is for the model
│   └── ProviderError          the model's service failed
└── (everything else is a bug: logged with its trace)
"""

from __future__ import annotations

EXIT_OK, EXIT_ERROR, EXIT_USAGE, EXIT_STOPPED, EXIT_TEMPORARY, EXIT_INTERRUPTED = 0, 1, 2, 3, 75, 130


class LcodeError(Exception):
    """Base of every error that this program raises on purpose."""


class UserError(LcodeError):
    """An error that the user can act on: `message` is one line, `hint` says what to do."""

    exit_code = EXIT_ERROR

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(UserError):
    exit_code = EXIT_USAGE


class ConfigError(UserError):
    pass


class StoppedError(UserError):
    exit_code = EXIT_STOPPED


class CostLimit(StoppedError):
    pass


class StoreError(UserError):
    pass


class StoreBusy(StoreError):
    exit_code = EXIT_TEMPORARY


class StoreUnwritable(StoreError):
    exit_code = EXIT_TEMPORARY


class StoreNewer(StoreError):
    pass


class StoreDamaged(StoreError):
    pass


class SessionBusy(UserError):
    """The session is open elsewhere. `session_id` names it whole, so that it can be forked."""

    exit_code = EXIT_TEMPORARY

    def __init__(self, message: str, hint: str = "", *, session_id: str = "") -> None:
        super().__init__(message, hint)
        self.session_id = session_id


class MemoryEditError(UserError):
    """A memory edit that was refused. The message names the current value and what to do next."""


class ProviderError(UserError):
    """The model's service did not answer as it should.

    `status` is the HTTP status (0: no answer arrived), `retryable` whether the same request may be sent again,
    `retry_after` the seconds the service asked to wait (None: it did not say), `overflow` whether the request was
    too long for the model's context window. Never holds a key.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        status: int = 0,
        retryable: bool = False,
        retry_after: float | None = None,
        overflow: bool = False,
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.retryable = retryable
        self.retry_after = retry_after
        self.overflow = overflow
        if retryable:
            self.exit_code = EXIT_TEMPORARY
