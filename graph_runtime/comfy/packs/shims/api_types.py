"""`comfy_api`'s `io`: the types of inputs and outputs, as newer packs name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar

_WORDS = {
    "display_mode": "display", "dynamic_prompts": "dynamicPrompts", "force_input": "forceInput", "raw_link": "rawLink",
    "widget_type": "widgetType",
}  # fmt: skip
"""What options of inputs are called on the wire where it is not the same."""


class Input:
    """An input of a node.

    Args:
        io_type: The word of its type.
        id: Its name.
        display_name: Its name for people.
        optional: Whether it may be left out.
        tooltip: What it is for.
        lazy: Whether it is computed only if the node asks for it.
        extra_dict: Further options, as they stand on the wire.
        options: Options: `default`, `min`, `max`, `step`, `multiline`, ...
    """

    def __init__(
        self,
        io_type: str,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        extra_dict: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.io_type = io_type
        self.id = id
        self.optional = optional
        self._options = {"display_name": display_name, "tooltip": tooltip, "lazy": lazy, **options}
        self._extra = dict(extra_dict or {})

    @property
    def options(self) -> dict[str, Any]:
        """Its options as they stand on the wire."""
        given = {_WORDS.get(name, name): _plain(value) for name, value in self._options.items() if value is not None}
        if upload := given.pop("upload", None):
            given[str(upload)] = True
        return given | self._extra


class Output:
    """An output of a node.

    Args:
        io_type: The word of its type.
        id: Its name.
        display_name: Its name for people.
        tooltip: What it is.
        is_output_list: Whether it gives a list.
        template: The name of the template whose type it has, or None.
    """

    def __init__(
        self,
        io_type: str,
        id: str | None = None,
        display_name: str | None = None,
        tooltip: str | None = None,
        is_output_list: bool = False,
        template: str | None = None,
    ) -> None:
        self.io_type = io_type
        self.id = id
        self.display_name = display_name
        self.tooltip = tooltip
        self.is_output_list = is_output_list
        self.template = template


class ComfyType:
    """A type of sockets: `Image.Input("image")`, `Image.Output()`."""

    io_type: ClassVar[str] = "*"
    Type: ClassVar[Any] = Any
    drawn: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def Input(cls, id: str, display_name: str | None = None, optional: bool = False, **options: Any) -> Input:
        """Declare an input of this type."""
        options = {**cls.drawn, **options}
        return Input(cls.io_type, id, display_name, optional, **options)

    @classmethod
    def Output(
        cls, id: str | None = None, display_name: str | None = None, tooltip: str | None = None, **options: Any
    ) -> Output:
        """Declare an output of this type."""
        return Output(cls.io_type, id, display_name, tooltip, bool(options.get("is_output_list")))


def custom(io_type: str) -> type[ComfyType]:
    """Make the type of a word."""
    default = _DEFAULTS.get(io_type)
    drawn = {} if default is None else {"default": default, "socketless": True}
    return type(str.__str__(io_type), (ComfyType,), {"io_type": io_type, "drawn": drawn})


_DEFAULTS: Mapping[str, Any] = {
    "COLOR": "#ffffff", "COLORS": [], "BOUNDING_BOX": {"x": 0, "y": 0, "width": 512, "height": 512},
    "BOUNDING_BOXES": [], "COMPOSITOR": {}, "RANGE": {"min": 0.0, "max": 1.0},
    "CURVE": {"points": [[0.0, 0.0], [1.0, 1.0]], "interpolation": "monotone_cubic"},
}  # fmt: skip
"""What stands in the widgets of types that are drawn by themselves, until somebody changes it."""


class Combo(ComfyType):
    """A choice among names."""

    io_type = "COMBO"

    @classmethod
    def Input(  # type: ignore[override]
        cls, id: str, options: Any = None, display_name: str | None = None, optional: bool = False, **more: Any
    ) -> Input:
        """Declare a choice; options are names, or the members of an enumeration."""
        if isinstance(options, type) and issubclass(options, Enum):
            options = [member.value for member in options]
        return Input(cls.io_type, id, display_name, optional, options=options, **more)


class MultiCombo(ComfyType):
    """A choice of several names."""

    io_type = "COMBO"

    @classmethod
    def Input(  # type: ignore[override]
        cls, id: str, options: Any = None, display_name: str | None = None, optional: bool = False, **more: Any
    ) -> Input:
        """Declare a choice of several."""
        if isinstance(options, type) and issubclass(options, Enum):
            options = [member.value for member in options]
        drawn = {name: more.pop(name) for name in ("placeholder", "chip") if more.get(name) is not None}
        more |= {"options": options, "multiselect": True, "multi_select": drawn}
        return Input(cls.io_type, id, display_name, optional, **more)


class MultiType(ComfyType):
    """Several types on one input."""

    @classmethod
    def Input(  # type: ignore[override]
        cls, id: Any, types: Sequence[type[ComfyType]] = (), display_name: str | None = None, optional: bool = False,
        **options: Any,
    ) -> Input:  # fmt: skip
        """Declare an input that takes several types; an input may stand for its id, whose widget it then has."""
        words = [kind.io_type for kind in types]
        if isinstance(id, Input):
            word = ",".join(dict.fromkeys([id.io_type, *words]))
            drawn = {"widgetType": id.io_type} if id.io_type in _WIDGETS else {}
            options["extra_dict"] = {**id.options, **drawn, **(options.get("extra_dict") or {})}
            return Input(word, id.id, display_name, optional or id.optional, **options)
        return Input(",".join(dict.fromkeys(words)), id, display_name, optional, **options)


_WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
"""The words of types that have a widget in any editor."""


def _plain(value: Any) -> Any:
    if hasattr(value, "as_dict"):
        return value.as_dict()
    return value.value if isinstance(value, Enum) else value
