"""An Android app around an artifact: Kotlin that calls LiteRT, or our C through JNI."""
