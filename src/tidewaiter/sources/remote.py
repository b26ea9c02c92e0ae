"""Objects in stores and on web servers: `s3://bucket/folder`, `gs://…`, `abfs://…`, `https://…`, walked and read.

fsspec does the talking (an optional extra, imported only when a URL is given); what its back ends raise becomes
SourceError here: `url-error` when an object is opened, `connection-lost` while it is read. Credentials are found as
each cloud's own tools find them. Nothing is written, and the content of a whole object is never held.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

from tidewaiter.errors import SourceError

BLOCK = 4 << 20  # bytes fetched at a time: large enough to hide the way there, small enough to keep memory flat
MOST_SAID = 300  # characters of what a back end says
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_USER = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]*@")
_NOT_FOUND = 404  # RFC 9110, section 15.5.5
_QUERY = re.compile(r"\?[^\s'\")]+")


class Place(NamedTuple):
    """One sort of URL: what has to be installed for it, and how it finds its credentials."""

    extra: str
    credentials: str


_S3 = Place(
    "s3", "set AWS_PROFILE or AWS_ACCESS_KEY_ID as for the aws command; for a public bucket FSSPEC_S3_ANON=true"
)
_GCS = Place("gcs", "run `gcloud auth application-default login`; for a public bucket set FSSPEC_GS_TOKEN=anon")
_AZURE = Place(
    "azure",
    "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_ANON=false after `az login`",
)
_WEB = Place("http", "the server asks for a login; download the file with its own tool first")
_PLACES: Mapping[str, Place] = {
    **dict.fromkeys(("s3", "s3a"), _S3),
    **dict.fromkeys(("gs", "gcs"), _GCS),
    **dict.fromkeys(("az", "abfs", "abfss"), _AZURE),
    **dict.fromkeys(("http", "https"), _WEB),
}
# What the back ends raise besides OSError, by module. Looked up among what fsspec has loaded: nothing is imported here.
_RAISED = {
    "botocore.exceptions": ("BotoCoreError", "ClientError"),
    "aiohttp": ("ClientError",),
    "google.auth.exceptions": ("GoogleAuthError",),
    "google.api_core.exceptions": ("GoogleAPIError",),
    "gcsfs.retry": ("HttpError",),
    "azure.core.exceptions": ("AzureError",),
}
_NO_CREDENTIALS = re.compile(r"Credential|Token|Auth|Profile|PermissionError|Forbidden|Unauthorized")
_REFUSED = re.compile(r"\b(?:401|403|Forbidden|Access ?Denied|Unauthorized|credentials|anonymous)\b", re.IGNORECASE)


class Files(Protocol):
    """The part of fsspec's AbstractFileSystem that is used."""

    def info(self, path: str) -> dict[str, Any]:
        """Give name, type and size of an object or folder."""

    def ls(self, path: str, detail: bool) -> list[dict[str, Any]]:
        """List a folder."""

    def open(self, path: str, mode: str, **options: Any) -> Any:
        """Open an object."""


class Remote(NamedTuple):
    """An object to read, not yet opened."""

    url: str  # as shown to the user: without the password or signature that a URL may carry
    key: str  # tells objects apart
    size: int | None
    open: Callable[[], Handle]  # raises SourceError


class _Root(NamedTuple):
    files: Files
    path: str  # as the back end names it
    url: str  # as shown to the user
    place: Place


def is_url(path: str) -> bool:
    """Tell whether a PATH argument is a URL; `-`, files and folders are not."""
    return _URL.match(path) is not None


def must_exist(url: str) -> None:
    """Find a URL. Raises SourceError when it cannot be used: no extra, no credentials, nothing there."""
    root = _root(url)
    _asked(root, root.url, lambda: root.files.info(root.path))


def walk(url: str, *, report: Callable[[str, str], None]) -> Iterator[Remote]:
    """Give the objects below a URL, folder by folder, in the order of their names; hidden ones are left out.

    What cannot be listed is reported, with its URL and a reason. Web servers have no folders.
    """
    root = _root(url)
    if root.place is _WEB:
        yield _remote(root, root.path, None)
        return
    waiting: list[tuple[str, object, bool]] = []  # path, size, is a folder

    def look(path: str, ask: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
        try:
            found = _asked(root, _shown(root, path), ask)
        except SourceError as error:
            report(_shown(root, path), f"url-error: {error.what}")
            return
        waiting.extend(sorted((_entry(one) for one in found), key=lambda one: one[0], reverse=True))

    look(root.path, lambda: [root.files.info(root.path)])
    while waiting:
        path, size, is_folder = waiting.pop()
        if is_folder:
            look(path, partial(_members, root.files, path))
        else:
            yield _remote(root, path, size)


def _entry(info: Mapping[str, Any]) -> tuple[str, object, bool]:
    return str(info["name"]), info.get("size"), info.get("type") == "directory"


def _members(files: Files, folder: str) -> list[dict[str, Any]]:
    """List a folder without hidden names, and without the empty object that some tools make to stand for it."""
    inside = [(str(one["name"]).rstrip("/"), one) for one in files.ls(folder, detail=True)]
    return [one for name, one in inside if name != folder.rstrip("/") and not name.rpartition("/")[2].startswith(".")]


def _remote(root: _Root, path: str, size: object) -> Remote:
    url = _shown(root, path)
    key = path if root.place is _WEB else url
    return Remote(
        url, f"{root.place.extra} {key}", size if isinstance(size, int) else None, lambda: _opened(root, path, url)
    )


def _shown(root: _Root, path: str) -> str:
    return root.url.rstrip("/") + path.removeprefix(root.path.rstrip("/"))


def _without_secrets(text: str) -> str:
    """Take out what a URL may carry to let somebody in: a user with password, and a signature in the query."""
    return _QUERY.sub("?…", _USER.sub("", text))


def _root(url: str) -> _Root:
    """Load the back end of a URL."""
    found = _URL.match(url)
    scheme = found[1].lower() if found else ""
    place = _PLACES.get(scheme)
    if place is None or "::" in url:  # fsspec would read "::" as a chain of file systems
        known = ", ".join(f"{one}://" for one in _PLACES)
        raise SourceError("this sort of URL cannot be read", where=url, hint=f"these can: {known}")
    # Elsewhere a question mark is part of an object's name.
    shown = _without_secrets(url).removesuffix("?…") if place is _WEB else url
    try:
        import fsspec.core  # noqa: PLC0415 - an optional extra, and slow to load

        files, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        hint = f"pip install 'tidewaiter[{place.extra}]'"
        raise SourceError(
            f"reading {scheme}:// needs an extra that is not installed", where=shown, hint=hint
        ) from error
    except _raised() as error:
        raise _problem(error, shown, place) from error
    return _Root(files, str(path), shown, place)


def _raised() -> tuple[type[BaseException], ...]:
    """Give what a back end may raise, as far as it is loaded."""
    loaded = ((sys.modules.get(module), names) for module, names in _RAISED.items())
    found = (getattr(module, name, None) for module, names in loaded if module for name in names)
    return (OSError, ValueError, RuntimeError, *(one for one in found if isinstance(one, type)))


def _asked(root: _Root, url: str, ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except _raised() as error:
        raise _problem(error, url, root.place) from error


def _problem(error: BaseException, url: str, place: Place) -> SourceError:
    """Say in plain words what a back end raised."""
    if place is _WEB and error.__cause__:
        error = error.__cause__  # fsspec says "not found" of whatever a web server answered
    if isinstance(error, FileNotFoundError) or getattr(error, "status", None) == _NOT_FOUND:
        hint = "check the spelling of bucket and folder; a folder is given whole, not by the beginning of its name"
        return SourceError("there is no such object, folder or bucket", where=url, hint=hint)
    said = _said(error)
    if isinstance(error, PermissionError) or _NO_CREDENTIALS.search(type(error).__name__) or _REFUSED.search(said):
        return SourceError(f"access was refused ({said})", where=url, hint=place.credentials)
    hint = "check the network and the name of the server, then try again"
    return SourceError(f"it cannot be reached ({said})", where=url, hint=hint)


def _said(error: BaseException) -> str:
    text = _without_secrets(" ".join(str(error).split()))
    return f"{type(error).__name__}: {text[:MOST_SAID]}" if text else type(error).__name__


def _opened(root: _Root, path: str, url: str) -> Handle:
    options = {} if root.place is _WEB else {"cache_type": "readahead"}
    try:
        return Handle(_asked(root, url, lambda: root.files.open(path, "rb", block_size=BLOCK, **options)))
    except SourceError as error:
        raise SourceError(f"url-error: {error.what}", where=error.where, hint=error.hint) from error


class Handle(io.RawIOBase):
    """An object while it is read; what the back end raises comes out as SourceError `connection-lost`."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say whether it can be read in any order, as zip archives need it."""
        return bool(self._file.seekable())

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer; 0 is the end."""
        data = self._tried(lambda: self._file.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place; nothing is fetched yet."""
        return int(self._tried(lambda: self._file.seek(offset, whence)))

    def tell(self) -> int:
        """Say where it stands."""
        return int(self._file.tell())

    def close(self) -> None:
        """Give it back."""
        if not self.closed:
            self._file.close()
        super().close()

    def _tried(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except _raised() as error:
            raise SourceError(
                f"connection-lost: {_said(error)}", hint="check the network, then scan it again"
            ) from error
