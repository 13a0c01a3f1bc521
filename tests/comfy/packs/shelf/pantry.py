"""A pack in the newer way."""

from comfy_api.latest import ComfyAPISync, ComfyExtension, io, ui


class Jar(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="PantryJar",
            display_name="Jar",
            category="pantry",
            description="Puts things into a jar.",
            inputs=[
                io.Int.Input("count", default=2, min=0, max=9, display_mode=io.NumberDisplay.slider),
                io.Combo.Input("what", options=["plums", "pears"], default="pears"),
                io.String.Input("label", optional=True, multiline=True),
                io.MultiType.Input("extra", [io.Int, io.Float], optional=True),
            ],
            outputs=[io.String.Output(display_name="jar", tooltip="A full one."), io.Custom("JAR").Output()],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, count, what):
        return True if count or what != "plums" else "count: plums come in numbers"

    @classmethod
    def fingerprint_inputs(cls, count, what, label=None, extra=None):
        return count

    @classmethod
    def execute(cls, count, what, label="plain", extra=None):
        ComfyAPISync().execution.set_progress(1, 2)
        return io.NodeOutput(f"{count} {what} {label} {extra} in {cls.hidden.unique_id}", {"count": count})


class Shelf(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema("PantryShelf", inputs=[io.AnyType.Input("jar")], is_output_node=True)

    @classmethod
    async def execute(cls, jar):
        return io.NodeOutput(ui=ui.PreviewText(str(jar)))


class Shut(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema("PantryShut", outputs=[io.Int.Output()])

    @classmethod
    def execute(cls):
        return io.NodeOutput(block_execution="the pantry is shut")


class Pantry(ComfyExtension):
    async def get_node_list(self):
        return [Jar, Shelf, Shut]


async def comfy_entrypoint():
    return Pantry()
