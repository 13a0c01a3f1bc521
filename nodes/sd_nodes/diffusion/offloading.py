"""Where a network's weights wait between their uses, and in which numbers: by the hooks of accelerate and diffusers."""

import accelerate
import torch
from diffusers import ModelMixin
from diffusers.hooks import apply_group_offloading, apply_layerwise_casting
from torch.nn import Module

WHOLE = ("norm", "embed", "position")
"""Parts of a text encoder whose numbers count too much to be kept as float8; networks of diffusers name their own."""


def store_as(module: Module, storage: torch.dtype, compute: torch.dtype) -> None:
    """Keeps the weights of convolutions and linear layers in a narrower type; each is widened while it computes.

    Results change: what the narrower type cannot hold is lost for good.

    Args:
        module: The network, in the type that it computes in.
        storage: The type to keep weights in, such as `torch.float8_e4m3fn`.
        compute: The type to compute in.
    """
    if isinstance(module, ModelMixin):
        module.enable_layerwise_casting(storage_dtype=storage, compute_dtype=compute)
    else:
        apply_layerwise_casting(module, storage, compute, skip_modules_pattern=WHOLE)


def bring_layers(module: Module, device: torch.device) -> None:
    """Keeps weights in main memory and brings each layer's to the device while it computes: least memory, and slow."""
    accelerate.cpu_offload(module, device)


def bring_groups(module: Module, device: torch.device) -> None:
    """Keeps weights in main memory and brings them to the device group by group.

    On a CUDA device groups are single layers, and the next one's weights come on a stream of their own while one
    computes: from page-locked main memory, as much of it as the weights take. The order is learned in the first pass
    through `forward`, which waits for each transfer; layers that a later pass leaves out, or that are called by
    another method (an autoencoder's), are waited for each time. The device memory of a layer is not taken again before
    what computes with it is over (`record_stream`). Elsewhere groups are whole blocks, so that there are fewer
    transfers.

    The tests compare results, to the bit, on a CUDA GPU where there is one; elsewhere they move blocks to a toy
    accelerator, which has no streams.
    """
    streams = device.type == "cuda"
    blocks = not streams and isinstance(module, ModelMixin)
    apply_group_offloading(
        module,
        onload_device=device,
        offload_device=torch.device("cpu"),
        offload_type="block_level" if blocks else "leaf_level",
        num_blocks_per_group=1 if blocks else None,
        use_stream=streams,
        record_stream=streams,
    )
