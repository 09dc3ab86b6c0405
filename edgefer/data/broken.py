"""What of a data set cannot be used: refused at once, or left out and listed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from edgefer.data.faces import FaceSet, face_hash
from edgefer.errors import InputError
from edgefer.progress import Progress, silent


@dataclass(frozen=True)
class Broken:
    """Told of every line, picture and class that cannot be used.

    Raises InputError, or with `skip` keeps each message, once, in `left_out`.
    """

    skip: bool = False
    _messages: dict[str, None] = field(default_factory=dict, repr=False, compare=False)

    def found(self, message: str) -> None:
        """Raise InputError with this message, or leave out what it names."""
        if not self.skip:
            raise InputError(message)
        self._messages[message] = None

    @property
    def left_out(self) -> list[str]:
        """A message for each that was left out, in the order in which they were found."""
        return list(self._messages)


STRICT = Broken()


def loadable(faces: FaceSet, broken: Broken, progress: Progress = silent) -> FaceSet:
    """The faces that load, each loaded once and hashed on the way; the others are `broken`."""
    kept, hashes = [], []
    for index in range(len(faces)):
        progress(f"loading {faces.name}", index, len(faces))
        try:
            hashes.append(face_hash(faces.load(index)))
        except InputError as error:
            broken.found(str(error))
        else:
            kept.append(index)
    progress(f"loading {faces.name}", len(faces), len(faces))
    return replace(faces.select(kept), hashes=hashes)
