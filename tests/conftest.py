"""What holds for all tests."""

from hypothesis import settings

# A busy machine is slow now and then, which says nothing of the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
