"""The model files of the cases: random weights in the original layout, the same to the bit on every machine.

Nothing is downloaded: a file of the size of a small Stable Diffusion is made in seconds, by a rule that the program
that made the goldens followed too. Each tensor is drawn by a generator of its own, whose seed is a hash of its name;
drawn are whole numbers, which neither the processor nor the version of a library changes.
"""
