"""Keras recurrent models on phones, Raspberry Pi and microcontrollers."""
