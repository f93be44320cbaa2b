"""Front ends: what turns a microphone's samples into the frames that a model was trained on."""

from edgernn.audio.log_mel import LogMel, LogMelStream

__all__ = ["LogMel", "LogMelStream"]
