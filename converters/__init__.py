"""The ways in and out: Keras files in, TFLite out."""
