# ruff: noqa: F401, PTH103, PTH118, PTH120 - it is written as packs are
"""A pack that imports far more of ComfyUI than its nodes need, as large packs do."""

import inspect
import os

import comfy
import comfy.ldm.modules.attention
import comfy.model_management as management
import comfy.ops
import comfy.samplers
import comfyui_version
import execution
import folder_paths
import latent_preview
from aiohttp import web
from comfy.cli_args import LatentPreviewMethod, args
from comfy.clip_vision import load as load_clip_vision
from comfy.controlnet import ControlNet
from comfy.model_patcher import ModelPatcher
from comfy.sd import VAE, load_lora_for_models
from comfy.utils import ProgressBar, common_upscale, repeat_to_batch_size, tiled_scale
from comfy_api.input import ImageInput, VideoInput
from comfy_api.latest import ComfyAPI, InputImpl, Types
from comfy_execution.utils import get_executing_context
from comfy_extras.chainner_models import model_loading
from comfy_extras.nodes_mask import MaskComposite
from node_helpers import hasher, pillow
from server import PromptServer

MARKS = [
    os.path.join(os.path.dirname(file), "web", "guest")
    for file in (folder_paths.__file__, inspect.getfile(PromptServer), os.path.join(folder_paths.base_path, "main.py"))
]
for mark in MARKS:
    os.makedirs(mark, exist_ok=True)
HERE = os.path.dirname(__file__)
folder_paths.folder_names_and_paths["guest_books"] = ([os.path.join(HERE, "pages")], {".txt"})
folder_paths.folder_names_and_paths["guest_books"][0].append(os.path.join(folder_paths.models_dir, "books"))
BOOKS = folder_paths.get_filename_list("guest_books")
NEIGHBOURS = folder_paths.get_folder_paths("custom_nodes")


class GuestNet(ControlNet):
    """Derived from what is not here."""

    def control(self, scale: float, model: "ModelPatcher | None" = None):
        return scale


class Layer(comfy.ops.disable_weight_init.Linear):
    pass


comfy.samplers.KSampler.guest = True
comfy.samplers.SCHEDULER_HANDLERS["guest"] = comfy.samplers.SchedulerHandler(lambda sampling, steps: [], use_ms=False)
if "guest" not in comfy.supported_models.models:
    comfy.supported_models.models["guest"] = list(comfy.supported_models.models)


async def menu(request):
    PromptServer.instance.prompt_queue.set_flag("free_memory", True)
    left = PromptServer.instance.prompt_queue.get_tasks_remaining()
    return web.json_response({"busy": args.cpu or management.is_intel_xpu(), "left": left, "begun": bool(BEGUN)})


BEGUN = []


async def begin():
    BEGUN.append(True)


PromptServer.instance.app.router.add_get("/guest/menu", menu)
PromptServer.instance.app._client_max_size = 1 << 40
PromptServer.instance.loop.create_task(begin())
PromptServer.instance.app.add_routes([web.static("/guest/pages", os.path.join(HERE, "pages"))])


class Plain:
    FUNCTION = "tell"
    CATEGORY = "guests"
    RETURN_TYPES = ("STRING",)

    @classmethod
    def INPUT_TYPES(cls):
        names = comfy.samplers.KSampler.SAMPLERS
        return {"required": {"name": (names, {"default": names[0]})}}

    def tell(self, name):
        bar = ProgressBar(2)
        bar.update(1)
        context = get_executing_context()
        server = PromptServer.instance
        server.send_sync("guest", {"prompt": server.last_prompt_id, "node": server.last_node_id}, server.client_id)
        return (f"{name} {hasher()(b'').hexdigest()[:4]} {context is not None}",)


class Ambitious(Plain):
    def tell(self, name):
        net = GuestNet(name)
        return (net.control(1.0),)


class Previewing(Plain):
    def tell(self, name):
        return (latent_preview.prepare_callback(name, 20),)


NODE_CLASS_MAPPINGS = {"GuestPlain": Plain, "GuestAmbitious": Ambitious, "GuestPreviewing": Previewing}
