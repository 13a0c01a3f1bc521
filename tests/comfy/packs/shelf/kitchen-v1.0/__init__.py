"""A pack in the older way that uses every corner of it. It is about cooking."""

import asyncio
from pathlib import Path

import comfy.utils  # noqa: F401 - a name within the package, too
import folder_paths
from aiohttp import web
from comfy_execution.graph import ExecutionBlocker
from comfy_execution.graph_utils import GraphBuilder, is_link
from server import PromptServer

from nodes import MAX_RESOLUTION

from .words import ANY, Everything

WEB_DIRECTORY = "./js"
SEEN = []
CALLS = {"changed": 0, "cook": 0}
KEPT = []


@PromptServer.instance.routes.get("/kitchen/menu")
async def menu(request):
    return web.json_response({"menu": ["soup"]})


def doubled(posted):
    """Doubles each number that wants it; what cannot be read makes it fail."""
    for node in posted["prompt"].values():
        if node["inputs"].pop("double", False):
            node["inputs"]["value"] *= 2
    return posted


def broken(posted):
    return {**posted, "extra_data": object()}


PromptServer.instance.add_on_prompt_handler(broken)
PromptServer.instance.add_on_prompt_handler(doubled)


class Base:
    FUNCTION = "cook"
    CATEGORY = "kitchen"
    RETURN_TYPES = ("INT",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}


class Number(Base):
    DESCRIPTION = "Gives a number."
    RETURN_NAMES = ("number",)
    OUTPUT_TOOLTIPS = ("The same.",)

    @classmethod
    def INPUT_TYPES(cls):
        options = {"default": 3, "min": 0, "max": 10, "step": 1, "tooltip": "Which."}
        return {"required": {"value": ("INT", options)}}

    def cook(self, value):
        CALLS["cook"] += 1
        return (value,)


class Add(Base):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"a": ("INT", {"forceInput": True})}, "optional": {"b": ("INT", {"default": 1})}}

    def cook(self, a, b=100):
        return (a + b,)


class Show(Base):
    RETURN_TYPES = ()
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"what": (ANY,)}}

    def cook(self, what):
        return {"ui": {"text": [str(what)]}}


class Tell(Base):
    RETURN_TYPES = ("STRING",)

    @classmethod
    def INPUT_TYPES(cls):
        hidden = {"id": "UNIQUE_ID", "prompt": "PROMPT", "info": "EXTRA_PNGINFO", "graph": "DYNPROMPT"}
        return {"required": {}, "hidden": hidden}

    def cook(self, id, prompt, info, graph):
        node = graph.get_node(id)
        return (f"{id} {prompt[id]['class_type']} {sorted(info)} {node['class_type']} {graph.get_parent_node_id(id)}",)


class Fresh(Base):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"how": (["same", "nan", "fails"],)}, "optional": {"link": ("INT", {"forceInput": True})}}

    @classmethod
    async def IS_CHANGED(cls, how, link=None):
        SEEN.append(("changed", how, link))
        if how == "fails":
            raise ValueError("no idea")
        return float("nan") if how == "nan" else how

    def cook(self, how, link=0):
        CALLS["changed"] += 1
        return (CALLS["changed"],)


class Picky(Base):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"dish": ("STRING", {"default": ""}), "count": ("INT", {"min": 0, "max": 3})}}

    @classmethod
    async def VALIDATE_INPUTS(cls, dish, count):
        return True if dish != "mud" else "dish: nobody eats mud"

    def cook(self, dish, count):
        return (count,)


class TypePicky(Base):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"it": ("PLATE", {"forceInput": True})}}

    @classmethod
    def VALIDATE_INPUTS(cls, input_types):
        return input_types["it"] in ("INT", "PLATE", "INT,FLOAT") or f"it: {input_types['it']} is no plate"

    def cook(self, it):
        return (1,)


def _files():
    return sorted(file.name for file in Path(folder_paths.get_input_directory()).iterdir())


class Files(Base):
    RETURN_TYPES = ("STRING",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"file": (_files(), {"image_upload": True})}}

    def cook(self, file):
        return (folder_paths.get_annotated_filepath(file),)


class Plate(Base):
    RETURN_TYPES = ("PLATE",)

    def cook(self):
        return ({"food": ["soup"]},)


class Tray(Base):
    RETURN_TYPES = ("TRAY",)

    def cook(self):
        return (["soup", "bread"],)


class TakesPlate(Base):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"plate": ("PLATE,BOWL",)}}

    def cook(self, plate):
        return (len(plate["food"]),)


class Loose(Base):
    RETURN_TYPES = ("STRING",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"x": ("IMAGE,FLOAT",)}}

    def cook(self, x):
        return (repr(x),)


class Kwargs(Base):
    RETURN_TYPES = ("STRING",)

    def cook(self, **more):
        return (repr(sorted(more.items())),)


class Flexible(Base):
    RETURN_TYPES = ("STRING",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}, "optional": Everything()}

    def cook(self, **more):
        return (repr(sorted(more.items())),)


class Many(Base):
    OUTPUT_IS_LIST = (True,)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"count": ("INT",)}}

    def cook(self, count):
        return (list(range(count)),)


class Gather(Base):
    RETURN_TYPES = ("STRING",)
    INPUT_IS_LIST = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"items": (ANY,), "sep": ("STRING", {"default": "+"})}, "hidden": {"id": "UNIQUE_ID"}}

    def cook(self, items, sep, id):
        return (sep[0].join(str(item) for item in items) + f" {sep} {id}",)


class Pair(Base):
    RETURN_TYPES = ("STRING",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"a": ("INT",), "b": ("INT",)}}

    def cook(self, a, b):
        return (f"{a}{b}",)


class Choose(Base):
    @classmethod
    def INPUT_TYPES(cls):
        lazy = {"lazy": True}
        return {"required": {"first": ("BOOLEAN",), "a": ("INT", lazy), "b": ("INT", lazy)}}

    def check_lazy_status(self, first, a, b):
        name = "a" if first else "b"
        return [name] if (a if first else b) is None else []

    def cook(self, first, a, b):
        SEEN.append(("choose", a, b))
        return (a if first else b,)


class Raw(Base):
    RETURN_TYPES = ("STRING",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"link": (ANY, {"rawLink": True})}}

    def cook(self, link):
        return (f"{link} {is_link(link)}",)


class Repeat(Base):
    """Expands into itself until nothing is left to do: adds one `times` times to a number."""

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {"times": ("INT",), "value": ("INT", {"rawLink": True})},
            "hidden": {"id": "UNIQUE_ID", "graph": "DYNPROMPT"},
        }

    def cook(self, times, value, id, graph):
        SEEN.append(("repeat", id, graph.get_node(id)["class_type"]))
        builder = GraphBuilder()
        bumped = builder.node("KitchenAdd", a=value)
        bumped.set_override_display_id(graph.get_display_node_id(id))
        if times <= 1:
            return {"expand": builder.finalize(), "result": (bumped.out(0),)}
        again = builder.node("KitchenRepeat", times=times - 1, value=bumped.out(0))
        return {"expand": builder.finalize(), "result": (again.out(0),)}


class Announce(Base):
    """Says something, and expands."""

    def cook(self):
        builder = GraphBuilder()
        number = builder.node("KitchenNumber", value=6)
        return {"ui": {"text": ["soup soon"]}, "expand": builder.finalize(), "result": (number.out(0),)}


class Circle(Base):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}, "hidden": {"id": "UNIQUE_ID"}}

    def cook(self, id):
        builder = GraphBuilder()
        inner = builder.node("KitchenAdd", a=[id, 0])
        return {"expand": builder.finalize(), "result": (inner.out(0),)}


class Block(Base):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"message": ("STRING",)}}

    def cook(self, message):
        return (ExecutionBlocker(message or None),)


class Slow(Base):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": ("INT",)}}

    async def cook(self, value):
        SEEN.append(("enter", value))
        await asyncio.sleep(0.05)
        SEEN.append(("leave", value))
        return (value,)


class Steps(Base):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"steps": ("INT",)}}

    def cook(self, steps):
        from comfy.model_management import throw_exception_if_processing_interrupted
        from comfy.utils import ProgressBar

        bar = ProgressBar(steps)
        for _ in range(steps):
            throw_exception_if_processing_interrupted()
            bar.update(1)
        return (MAX_RESOLUTION,)


class Restless(Base):
    NOT_IDEMPOTENT = True
    DEPRECATED = True
    EXPERIMENTAL = True

    def cook(self):
        CALLS["cook"] += 1
        return (CALLS["cook"],)


class Spoil(Base):
    """Changes what it receives, and what it gave."""

    RETURN_TYPES = ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",), "seed": ("INT", {"default": 0, "control_after_generate": True})}}

    def __init__(self):
        self.last = None

    def cook(self, image, seed):
        if self.last is not None:
            self.last += 5
        image += 1
        self.last = image
        return (image,)


class Grey(Base):
    RETURN_TYPES = ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": ("FLOAT", {"default": 0.5})}}

    def cook(self, value):
        import torch

        return (torch.full((1, 2, 2, 3), value),)


class Mean(Base):
    RETURN_TYPES = ("FLOAT",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",)}}

    def cook(self, image):
        return (float(image.mean()),)


class TwoForOne(Base):
    def cook(self):
        return (1, 2)


class Wrong(Base):
    def cook(self):
        return ("soup",)


class Broken:
    """No node: it lacks INPUT_TYPES."""

    FUNCTION = "cook"


class Encode(Base):
    RETURN_TYPES = ("CONDITIONING",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"clip": ("CLIP",), "text": ("STRING", {"multiline": True})}}

    def cook(self, clip, text):
        tokens = clip.tokenize(text)
        embedding, pooled = clip.encode_from_tokens(tokens, return_pooled=True)
        return ([[embedding, {"pooled_output": pooled}]],)


class Weaken(Base):
    RETURN_TYPES = ("CONDITIONING",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"conditioning": ("CONDITIONING",), "strength": ("FLOAT",)}}

    def cook(self, conditioning, strength):
        return ([[tensor, {**options, "strength": strength}] for tensor, options in conditioning],)


class ThroughVae(Base):
    RETURN_TYPES = ("IMAGE", "LATENT")

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"vae": ("VAE",), "image": ("IMAGE",)}}

    def cook(self, vae, image):
        latent = vae.encode(image[:, :, :, :3])
        size = (1, vae.latent_channels, *(side // vae.spacial_compression_encode() for side in image.shape[1:3]))
        assert latent.shape == size and vae.downscale_ratio == vae.spacial_compression_decode()
        return vae.decode(latent), {"samples": latent}


class PatchModel(Base):
    RETURN_TYPES = ("MODEL",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"model": ("MODEL",), "really": ("BOOLEAN",)}}

    def cook(self, model, really):
        patched = model.clone()
        if really:
            patched.set_model_unet_function_wrapper(lambda apply, args: None)
        return (patched,)


NODE_CLASS_MAPPINGS = {
    f"Kitchen{name}": thing
    for name, thing in list(globals().items())
    if isinstance(thing, type) and (issubclass(thing, Base) or name == "Broken") and thing is not Base
}
NODE_DISPLAY_NAME_MAPPINGS = {"KitchenNumber": "A Number"}
