"""Words with what is critical in them replaced by its kind. Pure."""

from collections.abc import Sequence

from cloud_stub.critical.find import Found, find


def mask(words: Sequence[str], found: Sequence[Found]) -> list[str]:
    """One entry a word: `[kind]` for the first hidden one of a find, "" for its others."""
    masked = list(words)
    for each in found:
        masked[each.first : each.last + 1] = [f"[{each.kind}]", *[""] * (each.last - each.first)]
    return masked


def mask_text(text: str) -> str:
    """A text, with what is critical in it masked."""
    words = text.split()
    return " ".join(each for each in mask(words, find(words)) if each)
