"""Where samples come from: whatever people have, as arrays named after a model's inputs.

What is given may be a file (`numpy_files`, `tables`, a `.wav`), a folder of recordings (`folders`), arrays, or what
hands them out one by one (`elements`). What is longer than the model's window is cut (`windows`). Nothing here judges
the numbers: `edgernn.samples` checks them against the model.
"""

from edgernn.sources.found import Array, Found, Wanted
from edgernn.sources.source import Source, arrays_of, gathered, steps_of

__all__ = ["Array", "Found", "Source", "Wanted", "arrays_of", "gathered", "steps_of"]
