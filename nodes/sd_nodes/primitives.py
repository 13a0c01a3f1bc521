"""Plain values that several inputs share."""

from __future__ import annotations

from typing import Annotated

from graph_runtime import Fresh, Range, Text, node

LIMIT = 2**63 - 1


@node("Int", category="utils/primitive", id="PrimitiveInt", static=True)
def primitive_int(value: Annotated[int, Range(-LIMIT, LIMIT), Fresh()] = 0) -> int:
    """Give a whole number.

    Args:
        value: The number.

    Returns:
        INT: The number.
    """
    return value


@node("Float", category="utils/primitive", id="PrimitiveFloat", static=True)
def primitive_float(value: Annotated[float, Range(-LIMIT, LIMIT)] = 0.0) -> float:
    """Give a number.

    Args:
        value: The number.

    Returns:
        FLOAT: The number.
    """
    return value


@node("String", category="utils/primitive", id="PrimitiveString", static=True)
def primitive_string(value: str = "") -> str:
    """Give a text of one line.

    Args:
        value: The text.

    Returns:
        STRING: The text.
    """
    return value


@node("String (Multiline)", category="utils/primitive", id="PrimitiveStringMultiline", static=True)
def primitive_string_multiline(value: Annotated[str, Text()] = "") -> str:
    """Give a text of several lines.

    Args:
        value: The text.

    Returns:
        STRING: The text.
    """
    return value


@node("Boolean", category="utils/primitive", id="PrimitiveBoolean", static=True)
def primitive_boolean(value: bool = False) -> bool:
    """Give a truth value.

    Args:
        value: The truth value.

    Returns:
        BOOLEAN: The truth value.
    """
    return value
