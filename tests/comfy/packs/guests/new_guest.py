"""A newer pack whose nodes use what came last."""

from enum import Enum

from comfy_api.latest import ComfyAPI, ComfyExtension, io


class Shade(Enum):
    RED = "red"
    BLUE = "blue"


@io.comfytype(io_type="GUEST_LIST")
class GuestList(io.ComfyTypeIO):
    Type = list


class Invite(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="GuestInvite",
            inputs=[
                io.MultiCombo.Input("shades", Shade, default=["red"], placeholder="which"),
                io.MultiType.Input(io.Int.Input("number", default=2), [io.Float]),
                io.Color.Input("paint"),
                io.WanCameraEmbedding.Input("camera", optional=True),
                io.Combo.Input("far", remote=io.RemoteOptions("/guest/menu", True, timeout=5), optional=True),
            ],
            outputs=[GuestList.Output("guests")],
            hidden=[io.Hidden.comfy_usage_source, io.Hidden.unique_id],
            price_badge=io.PriceBadge(expr="1"),
        )

    @classmethod
    def execute(cls, shades, number, paint, camera=None, far=None):
        assert io.FolderType.output == "output" and cls.hidden.comfy_usage_source is None
        return io.NodeOutput([*shades, number, paint])


class Guests(ComfyExtension):
    async def on_load(self):
        await ComfyAPI().node_replacement.register(io.NodeReplace(old_node_id="a", new_node_id="b"))

    async def get_node_list(self):
        return [Invite]


async def comfy_entrypoint():
    return Guests()
