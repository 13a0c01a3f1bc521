from collections.abc import Iterator

import pytest
from accelerate.state import AcceleratorState


@pytest.fixture(autouse=True)
def fresh_accelerator() -> Iterator[None]:
    """Each test chooses its own precision: accelerate keeps the first choice for the whole process."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
