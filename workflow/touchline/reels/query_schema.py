"""The form of a parsed query in JSON (`query.Query.to_dict`), as JSON Schema."""

_TEXT, _TEXT_OR_NULL = {"type": "string"}, {"type": ["string", "null"]}


def _list(items: dict, **limits: int) -> dict:
    return {"type": "array", "items": items, **limits}


_WINDOW = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["match", "half", "first", "last", "added"]},
        "start_min": {"type": "number", "minimum": 0},
        "end_min": {"type": "number", "minimum": 0},
    },
    "required": ["kind"],
    "additionalProperties": False,
}
QUERY_SCHEMA = {
    "type": "object",
    "properties": {
        "text": _TEXT,
        "actions": _list(_TEXT),
        "open_text": _TEXT_OR_NULL,
        "halves": _list({"type": "integer", "minimum": 1, "maximum": 9}),
        "windows": _list(_WINDOW),
        "team": _TEXT_OR_NULL,
        "limit": {"type": ["integer", "null"], "minimum": 0},
        "pick": {"enum": ["first", "last", "nth", None]},
        "order": {"enum": ["time", "confidence", None]},
        "corrections": _list(_list(_TEXT, minItems=2, maxItems=2)),
        "ignored": _list(_TEXT),
        "everything": {"type": "boolean"},
    },
    "required": ["text", "actions"],
    "additionalProperties": False,
}
