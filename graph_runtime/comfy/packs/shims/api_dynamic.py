"""`comfy_api`'s `io`: inputs that others come with, and types that follow what comes in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from ..dynamic import CHOOSING, GROUP, GROWING, MATCHING, ROWS, SLOT
from .api_types import ComfyType, Input, Output


def declared(inputs: Iterable[Input]) -> dict[str, dict[str, Any]]:
    """Write inputs as older classes declare theirs: by section and name."""
    found: dict[str, dict[str, Any]] = {"required": {}}
    for one in inputs:
        found.setdefault("optional" if one.optional else "required", {})[one.id] = (one.io_type, one.options)
    return found


class _Template:
    """The rows of an input that grows; each comes over a link."""

    def __init__(self, input: Input, **said: object) -> None:
        self.input = Input(input.io_type, input.id, optional=input.optional, extra_dict=dict(input.options))
        if self.input.io_type in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"):
            self.input = Input(
                input.io_type, input.id, optional=input.optional, extra_dict={**input.options, "forceInput": True}
            )
        self.said = said

    def as_dict(self) -> dict[str, object]:
        """Write it as it stands on the wire."""
        return {"input": declared([self.input]), **self.said}


class Autogrow(ComfyType):
    """An input that grows a row for each link; the node gets a dict of them."""

    io_type = GROWING
    Type: ClassVar[Any] = dict[str, Any]

    class TemplatePrefix(_Template):
        """Rows with numbered names."""

        def __init__(self, input: Input, prefix: str, min: int = 1, max: int = 10) -> None:
            super().__init__(input, prefix=prefix, min=min, max=max)

    class TemplateNames(_Template):
        """Rows with names of their own."""

        def __init__(self, input: Input, names: Sequence[str], min: int = 1) -> None:
            super().__init__(input, names=list(names), min=min)

    @classmethod
    def Input(  # type: ignore[override]
        cls, id: str, template: _Template, display_name: str | None = None, optional: bool = False, **options: Any
    ) -> Input:
        """Declare an input that grows."""
        return Input(cls.io_type, id, display_name, optional, template=template.as_dict(), **options)


class DynamicCombo(ComfyType):
    """A choice that brings inputs of its own; the node gets a dict of the choice and of these."""

    io_type = CHOOSING
    Type: ClassVar[Any] = dict[str, Any]

    class Option:
        """A choice, and the inputs that come with it."""

        def __init__(self, key: str, inputs: Sequence[Input]) -> None:
            self.key = key
            self.inputs = list(inputs)

        def as_dict(self) -> dict[str, object]:
            """Write it as it stands on the wire."""
            return {"key": self.key, "inputs": declared(self.inputs)}

    @classmethod
    def Input(  # type: ignore[override]
        cls, id: str, options: Sequence[Option], display_name: str | None = None, optional: bool = False, **more: Any
    ) -> Input:
        """Declare a choice that brings inputs of its own."""
        choices = [option.as_dict() for option in options]
        return Input(cls.io_type, id, display_name, optional, options=choices, **more)


class DynamicGroup(ComfyType):
    """Rows of the same inputs, as many as the user adds; the node gets a list of dicts."""

    io_type = GROUP
    Type: ClassVar[Any] = list[dict[str, Any]]

    @classmethod
    def Input(  # type: ignore[override]
        cls, id: str, template: Sequence[Input], display_name: str | None = None, optional: bool = False,
        min: int = 0, max: int = ROWS, **options: Any,
    ) -> Input:  # fmt: skip
        """Declare rows."""
        return Input(cls.io_type, id, display_name, optional, template=declared(template), min=min, max=max, **options)


class DynamicSlot(ComfyType):
    """A link that brings inputs of its own once it is there."""

    io_type = SLOT
    Type: ClassVar[Any] = dict[str, Any]

    @classmethod
    def Input(  # type: ignore[override]
        cls, slot: Input, inputs: Sequence[Input], display_name: str | None = None, **options: Any
    ) -> Input:
        """Declare a link that brings inputs of its own."""
        said = {**slot.options, "slotType": slot.io_type, "inputs": declared(inputs), "forceInput": True}
        return Input(cls.io_type, slot.id, display_name, True, extra_dict=said, **options)


class MatchType(ComfyType):
    """A type that is whatever comes in, the same on all sockets of one template."""

    io_type = MATCHING

    class Template:
        """What sockets share: a name, and the types that it may become."""

        def __init__(self, template_id: str, allowed_types: Any = None) -> None:
            kinds = allowed_types if isinstance(allowed_types, Iterable) else [allowed_types] if allowed_types else []
            self.template_id = template_id
            self.allowed_types = [kind.io_type for kind in kinds] or ["*"]

        def as_dict(self) -> Mapping[str, str]:
            """Write it as it stands on the wire."""
            return {"template_id": self.template_id, "allowed_types": ",".join(self.allowed_types)}

    @classmethod
    def Input(  # type: ignore[override]
        cls, id: str, template: Template, display_name: str | None = None, optional: bool = False, **options: Any
    ) -> Input:
        """Declare an input of the template's type."""
        return Input(cls.io_type, id, display_name, optional, template=template.as_dict(), **options)

    @classmethod
    def Output(  # type: ignore[override]
        cls, template: Template, id: str | None = None, display_name: str | None = None, **options: Any
    ) -> Output:
        """Declare an output of the template's type."""
        name = display_name or (None if id else "MATCHTYPE")
        return Output("*", id, name, options.get("tooltip"), bool(options.get("is_output_list")), template.template_id)
