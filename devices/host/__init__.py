"""This machine as a device: the runtimes that run a .tflite file here, behind one interface."""
