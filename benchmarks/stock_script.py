"""The script that one writes to convert a Keras model with TensorFlow: what `edgernn convert` is timed against.

python -m benchmarks.stock_script MODEL ARTIFACT SCHEME
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(model: str, artifact: str, scheme: str) -> None:
    """Load the Keras model, convert it, write the artifact."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.models.load_model(model))
    if scheme == "dynamic":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    Path(artifact).write_bytes(converter.convert())


if __name__ == "__main__":
    main(*sys.argv[1:])
