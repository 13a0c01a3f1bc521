"""A pack that calls the nodes of others, and derives its own from theirs."""

import nodes
from nodes import LoadImage, PreviewImage


class Borrow:
    """Draws a picture by calling other nodes."""

    FUNCTION, RETURN_TYPES, CATEGORY = "draw", ("IMAGE",), "borrowing"

    @classmethod
    def INPUT_TYPES(cls):
        models = {"model": ("MODEL",), "clip": ("CLIP",), "vae": ("VAE",)}
        return {"required": {**models, "text": ("STRING",), "late": ("BOOLEAN", {"default": False})}}

    def draw(self, model, clip, vae, text, late):
        positive = nodes.CLIPTextEncode().encode(clip, text)[0]
        assert isinstance(positive, list) and len(positive[0]) == 2
        negative = nodes.NODE_CLASS_MAPPINGS["CLIPTextEncode"]().encode(clip, "")[0]
        (latent,) = nodes.EmptyLatentImage().generate(64, 64, 1)
        steps = {"start_step": 0, "last_step": 2, "force_full_denoise": True} if late else {}
        given = (model, 5, 2, 3.0, "euler", "normal", positive, negative, latent)
        (latent,) = nodes.common_ksampler(*given, **steps)
        return nodes.VAEDecode().decode(vae=vae, samples=latent)


class Look(PreviewImage):
    """Shows pictures as another node does."""

    FUNCTION, CATEGORY, RETURN_TYPES = "look", "borrowing", ("STRING",)

    @classmethod
    def INPUT_TYPES(cls):
        hidden = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}
        return {"required": {"images": ("IMAGE",)}, "hidden": hidden}

    def look(self, images, prompt=None, extra_pnginfo=None):
        shown = self.save_images(images)
        return {"ui": shown["ui"], "result": (shown["ui"]["images"][0]["type"],)}


class Load(LoadImage):
    """Loads a picture as another node does."""


NODE_CLASS_MAPPINGS = {"Borrow": Borrow, "Look": Look, "Load": Load}
