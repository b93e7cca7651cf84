"""The fields of a message, from the type that the firmware makes it with; and of JSON that was seen. Pure."""

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import inspect

_NULL = "null"
"""In a struct that leaves out what has its default, a field that may be null is absent instead."""

_PLAIN: dict[type[inspect.Type], str] = {
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.StrType: "string",
    inspect.BoolType: "true or false",
    inspect.NoneType: _NULL,
}


class Field(msgspec.Struct, frozen=True):
    """One field: `readers[].id` is the `id` of every entry of the list `readers`."""

    name: str
    type: str
    means: str


def of_struct(struct: type[msgspec.Struct], kind: str, means: Mapping[str, str]) -> tuple[Field, ...]:
    """Return every field of messages of one kind; `means` has a word on each, as `kind.name` or `name`.

    Raises:
        LookupError: nothing is said of one.
    """
    return tuple(
        Field(name, text, _meaning(means, kind, name)) for name, text in _walk(inspect.type_info(struct), "")
    )


def of_value(value: object) -> tuple[Field, ...]:
    """Return the fields of a JSON value that is always the same, or was seen."""
    found: dict[str, list[str]] = {}
    for name, text in _leaves(value, ""):
        found.setdefault(name, []).append(text)
    return tuple(Field(name, f"always {', '.join(texts)}", "") for name, texts in found.items())


def names(value: object) -> set[str]:
    """Return the names of the fields of a JSON value that was seen."""
    return {field.name for field in of_value(value)}


def _meaning(means: Mapping[str, str], kind: str, name: str) -> str:
    said = means.get(f"{kind}.{name}") or means.get(name)
    if said is None:
        raise LookupError(f"self-report: nothing says what {kind}.{name} means; say it in means.py")
    return said


def _walk(of: inspect.Type, name: str) -> Iterator[tuple[str, str]]:
    match of:
        case inspect.StructType():
            absent = of.cls.__struct_config__.omit_defaults
            for field in of.fields:
                inner = f"{name}.{field.encode_name}" if name else field.encode_name
                for found, text in _walk(field.type, inner):
                    yield found, text.replace(_NULL, "absent") if absent and field.default is None else text
        case inspect.VarTupleType() | inspect.ListType():
            yield from _walk(of.item_type, f"{name}[]")
        case inspect.TupleType():
            yield from _walk(of.item_types[0], f"{name}[]")
        case inspect.UnionType():
            texts = [text for each in of.types for _, text in _walk(each, name)]
            yield name, ", or ".join(texts)
        case inspect.LiteralType():
            yield name, " | ".join(str(value) for value in of.values)
        case _:
            yield name, _PLAIN[type(of)]


def _leaves(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, f"{name}[]")
    else:
        yield name, repr(value)
