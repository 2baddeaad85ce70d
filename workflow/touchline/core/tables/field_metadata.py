"""Field metadata of an Arrow schema, which polars writes into a Parquet file, without pyarrow.

Polars (2.1) takes the schema of a file as an object of the Arrow C data interface
(https://arrow.apache.org/docs/format/CDataInterface.html). The one of polars itself has no field
metadata, so it is added to the exported structures.
"""

import ctypes
import struct
from collections.abc import Mapping

import polars as pl


class _ArrowSchema(ctypes.Structure):
    """The structure ArrowSchema of the interface."""


_ArrowSchema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_ArrowSchema))),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]
_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype, _pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


class DescribedSchema:
    """A schema of polars whose exported fields have descriptions and units.

    `about` is that of `touchline.core.tables.columns.Table`. The object must live as long as the
    exported schema is read, which is as long as the call that it is an argument of.
    """

    def __init__(self, schema: pl.Schema, about: Mapping[str, tuple[str, str]]) -> None:
        self._schema, self._about = schema, about
        self._buffers: list[ctypes.Array] = []  # of the texts, which the exported fields point to

    def __arrow_c_schema__(self) -> object:
        """Return a capsule of an ArrowSchema."""
        capsule = self._schema.__arrow_c_schema__()
        self._describe(_ArrowSchema.from_address(_pointer_of(capsule, b"arrow_schema")), "")
        return capsule

    def _describe(self, field: _ArrowSchema, prefix: str) -> None:
        """Add metadata to the fields within a field; the elements of a list are its own fields."""
        is_list = field.format.startswith(b"+L")
        for number in range(field.n_children):
            child = field.children[number].contents
            path = prefix if is_list else f"{prefix}.{child.name.decode()}".lstrip(".")
            if not is_list and path in self._about:
                buffer = ctypes.create_string_buffer(_encode(*self._about[path]))
                self._buffers.append(buffer)
                child.metadata = ctypes.addressof(buffer)
            self._describe(child, path)


def _encode(description: str, unit: str) -> bytes:
    """Return key-value pairs in the interface's encoding: counts and lengths are native int32."""
    pairs = {"description": description} | ({"unit": unit} if unit else {})
    encoded = struct.pack("=i", len(pairs))
    for text in (text for pair in pairs.items() for text in pair):
        raw = text.encode()
        encoded += struct.pack("=i", len(raw)) + raw
    return encoded
