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


class Mix(io.ComfyNode):
    """Takes as many things as there are, in one of two ways, the second of which wants to know more."""

    @classmethod
    def define_schema(cls):
        things = io.Autogrow.TemplatePrefix(io.Int.Input("thing"), prefix="thing", min=2, max=5)
        named = io.Autogrow.TemplateNames(io.Float.Input("spice", optional=True), names=["salt", "pepper"])
        stir = io.DynamicCombo.Option("stir", [io.Int.Input("times", min=1, max=9), io.String.Input("spoon")])
        bake = io.DynamicCombo.Option("bake", [io.Float.Input("times"), io.Autogrow.Input("spices", named)])
        return io.Schema(
            "PantryMix",
            inputs=[
                io.Autogrow.Input("things", things),
                io.DynamicCombo.Input("way", [io.DynamicCombo.Option("leave", []), stir, bake]),
                io.DynamicSlot.Input(io.Int.Input("heat"), [io.Int.Input("minutes")]),
            ],
            outputs=[io.String.Output()],
        )

    @classmethod
    def validate_inputs(cls, way):
        return "way: the spoon is dirty" if way.get("spoon") == "dirty" else True

    @classmethod
    def execute(cls, things, way, heat=None):
        return io.NodeOutput(f"{things} {way} {heat}")


class Same(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        kind = io.MatchType.Template("kind", [io.Int, io.String])
        inputs = [io.MatchType.Input("a", kind, lazy=True), io.MatchType.Input("b", kind, lazy=True)]
        growing = io.Autogrow.TemplatePrefix(io.Int.Input("more", lazy=True, optional=True), "more", 0)
        return io.Schema(
            "PantrySame", inputs=[*inputs, io.Autogrow.Input("rest", growing)], outputs=[io.MatchType.Output(kind)]
        )

    @classmethod
    def check_lazy_status(cls, a, b, rest):
        return [name for value, name in rest.values() if value is None] if a is not None else ["a"]

    @classmethod
    def execute(cls, a, b, rest):
        return io.NodeOutput(f"{a} {b} {rest}")


class Stack(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        row = [io.String.Input("name"), io.Float.Input("weight", default=1.0, optional=True)]
        return io.Schema(
            "PantryStack",
            inputs=[io.DynamicGroup.Input("jars", row, min=1, max=3, group_name="Jar")],
            outputs=[io.String.Output()],
        )

    @classmethod
    def execute(cls, jars):
        return io.NodeOutput(f"{jars}")


class Gallery(io.ComfyNode):
    """Shows what there is in one of several kinds."""

    @classmethod
    def define_schema(cls):
        kinds = io.Combo.Input("kind", options=["images", "moving", "audio", "film", "model"])
        return io.Schema("PantryGallery", inputs=[kinds], is_output_node=True)

    @classmethod
    def execute(cls, kind):
        import torch

        pictures = torch.linspace(0, 1, 2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
        saved = ui.SavedResult("jar.glb", "shelf", io.FolderType.output)
        shown = {
            "images": lambda: ui.ImageSaveHelper.get_save_images_ui(pictures, "jars/jar", cls),
            "moving": lambda: ui.ImageSaveHelper.get_save_animated_webp_ui(pictures, "jar", cls, 4.0, True, 80, 0),
            "audio": lambda: ui.PreviewAudio({"waveform": torch.zeros(1, 2, 80), "sample_rate": 8000}, cls=cls),
            "film": lambda: ui.PreviewVideo([{"filename": "a.mp4", "subfolder": "", "type": "input"}]),
            "model": lambda: ui.PreviewUI3DAdvanced("jar.glb", {"zoom": 2}, None, io.FolderType.output, saved),
        }
        return io.NodeOutput(ui=shown[kind]())


class Pantry(ComfyExtension):
    async def get_node_list(self):
        return [Jar, Shelf, Shut, Mix, Same, Stack, Gallery]


async def comfy_entrypoint():
    return Pantry()
