"""A JSON Schema in the form that strict validators (ajv's strict mode) take without a warning.

There a keyword stands only beside the one type that it is about, and what is required is defined
in the same place.
"""

from typing import Any

_OF_TEXT = frozenset({"minLength", "maxLength", "pattern", "format"})
_OF_NUMBERS = frozenset({"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"})
_ABOUT: dict[str, frozenset[str]] = {
    "string": _OF_TEXT,
    "number": _OF_NUMBERS,
    "integer": _OF_NUMBERS,
}


def strict(schema: Any) -> Any:
    """Return an equal schema without lists of types; keywords go to the type they are about."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        # What stands here are values, not schemas.
        key: value if key in {"default", "examples", "enum"} else strict(value)
        for key, value in schema.items()
    }
    listed = found.get("type")
    if not isinstance(listed, list):
        return found
    keywords = {key for about in _ABOUT.values() for key in about}
    others = {key: found[key] for key in found if key != "type" and key not in keywords}
    members = [
        {"type": name, **{key: found[key] for key in found if key in _ABOUT.get(name, ())}}
        for name in listed
    ]
    return {"anyOf": members, **others}


def has_key(name: str) -> dict[str, Any]:
    """Return the schema of a mapping that has a key, whatever stands there."""
    return {"type": "object", "properties": {name: {}}, "required": [name]}
