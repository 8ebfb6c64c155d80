"""What only the operator can fix, at the command line.

    OperatorError                 for the operator
      StoreLockedError            another process owns the data directory
      StoreFormatError            the data directory was written by another format
      StoreFolderError            a store cannot be made in a folder
      DamagedRecordError          a stored record is not what was stored
      DamagedFileError            a file of the store is not what was written
      KeyValueStoreDamagedError   the database of tokens, IP ranges, saved queries or rules cannot be opened
      BackupError                 a backup cannot be made, read or restored
      CannotRenewError            a transparency log cannot be ended as asked
      BadTenantError              a tenant's name cannot be used
      BadMappingError             a mapping file cannot be used
      BadSettingError             a setting's value cannot be read
      UnknownSettingError         no setting of that name
      NoSuchTokenError            no token of that name or id
      ServerRefusedError          a running server answered with an error

The command line shows them; they are never on the wire.
"""

from collections.abc import Sequence

from casbah.errors.root import CasbahError
from casbah.errors.wording import clip, nearest


class OperatorError(CasbahError):
    """For the person at the command line."""


class StoreLockedError(OperatorError):
    """One process owns a data directory at a time."""

    def __init__(self, path: str, owner: str) -> None:
        super().__init__(f"the store at {path} is in use by {owner}; stop it, or point CASBAH_STORE elsewhere")


class StoreFormatError(OperatorError):
    """The files on disk have a format that this version does not read."""


class StoreFolderError(OperatorError):
    """A folder in which no store can be made; `problem` says why, `fix` what helps besides another folder."""

    def __init__(self, folder: object, problem: str, fix: str) -> None:
        super().__init__(f"{problem} in {folder}; {fix}, or choose another folder with --store")


class DamagedRecordError(OperatorError):
    """A stored record whose checksum does not match, or whose dictionary is damaged; `where` says which."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(
            f"a stored record is damaged ({where}); restore the store from a backup, or delete the activity"
        )


class DamagedFileError(OperatorError):
    """A file that is missing, cut short, or whose checksum does not match; `problem` says which, and where in the file."""

    def __init__(self, path: object, problem: str) -> None:
        self.path = str(path)
        self.problem = problem
        super().__init__(
            f"{path} is damaged: {problem}; restore the store from a backup, or save the rest with casbah salvage"
        )


class KeyValueStoreDamagedError(OperatorError):
    """A key-value database cannot be opened; `problem` says why and how to fix it."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} {problem}")


class BackupError(OperatorError):
    """A backup that cannot be made, is incomplete, or cannot be restored; the message names the part and the remedy."""


class CannotRenewError(OperatorError):
    """A transparency log cannot be ended as asked."""


class BadTenantError(OperatorError):
    """A tenant name that is not valid. It becomes a directory name, hence the rules."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"tenant name {clip(name)} is not valid; use 1 to 64 of a-z, 0-9, '.', '_', '-', "
            "beginning with a letter or digit"
        )


class BadMappingError(OperatorError):
    """A mapping file that cannot be used; the message says where and why."""


class BadSettingError(OperatorError):
    """A setting's text cannot be read as its type."""

    def __init__(self, name: str, text: str, expected: str) -> None:
        super().__init__(f"setting {name}: expected {expected}, got {clip(text)}")


class UnknownSettingError(OperatorError):
    """No setting has that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"--set takes <setting>=<value>; no setting is called {clip(name)}{nearest(name, known)}")


class NoSuchTokenError(OperatorError):
    """There is no token of that name or id to revoke."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no token {clip(name)}; `casbah token list` shows them")


class ServerRefusedError(OperatorError):
    """The running server answered a command with an error."""
