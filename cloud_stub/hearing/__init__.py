"""What the cloud stub does with the sound of one utterance: words, intent, musician, answer, voice.

Read mind.Mind.answer first. Nothing here keeps sound or words, and nothing opens a connection but to ears
at an
address that the settings name.
"""

from cloud_stub.hearing.mind import Answer, Mind, Settings, open_mind

__all__ = ["Answer", "Mind", "Settings", "open_mind"]
