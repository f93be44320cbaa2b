"""Reading a NumPy object array, which is a pickle, without running what a pickle may ask for.

A pickle is a program: it names any function of any module and has it called. So this reader resolves no name at all;
the four that a pickle of plain arrays contains lead to functions of our own, every other is refused.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from edgernn.errors import InputError


def read_object_array(content: bytes, name: str) -> NDArray[np.object_]:
    """Read a ``.npy`` file of objects: arrays, lists, dictionaries, strings and numbers, and nothing else.

    Args:
        content: the file's content.
        name: what errors call the file.

    Raises:
        InputError: the file is not such an array, or its pickle names anything but NumPy's arrays and types.
    """
    stream = io.BytesIO(content)
    try:
        major, _ = npy_format.read_magic(stream)
        read_header = npy_format.read_array_header_1_0 if major == 1 else npy_format.read_array_header_2_0
        _, _, dtype = read_header(stream)
        array = _ArrayUnpickler(stream).load() if dtype.hasobject else None
    except InputError as error:
        raise InputError(f"'{name}': {error.message}", hint=error.hint) from None
    except Exception as error:  # a broken pickle can fail in any way
        raise InputError(f"'{name}': must be a NumPy array of objects. Found: {error}.") from error
    if not isinstance(array, np.ndarray):
        raise InputError(f"'{name}': must be a NumPy array of objects. Found: {type(array).__name__}, {dtype}.")
    return array


def _reconstruct(kind: object, shape: object, code: object) -> NDArray[Any]:
    """An empty array, whose shape, type and content the pickle sets next."""
    if kind is not np.ndarray or shape != (0,) or code != b"b":
        raise InputError(f"an array must be pickled as NumPy does it. Found: {kind}, {shape}, {code!r}.")
    return np.ndarray((0,), np.int8)


def _dtype(code: str, align: object = False, copy: object = False) -> np.dtype[Any]:
    """A NumPy type; older pickles say 0 and 1 for the flags, which NumPy now warns of."""
    return np.dtype(code, bool(align), bool(copy))


def _encode(text: str, encoding: str) -> bytes:
    """Bytes, which pickles of protocol 2 hold as Latin-1 text."""
    if encoding != "latin1":
        raise InputError(f"bytes must be pickled as 'latin1' text. Found: '{encoding}'.")
    return text.encode("latin-1")


_ALLOWED: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,  # its name since NumPy 2
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """Look a name up in our own table instead of importing it."""
        try:
            return _ALLOWED[module_name, global_name]
        except KeyError:
            raise InputError(
                f"must hold nothing but NumPy arrays. Found: '{module_name}.{global_name}', which was not run.",
                hint="the file has been changed or is not the one that the recipe names; do not use it.",
            ) from None
