"""Signed notes against the published examples, and against what must not be believed."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from device.ledger import LedgerError, NoteError, Signer, Verifier, open_note, sign

# C2SP signed-note, section "Verifier keys", example.
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""

# The same document's first example, of which the key is not published.
SPEC_POEM = """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
"""  # noqa: E501

# The example of golang.org/x/mod/sumdb/note: a private key, its verifier key, and what it signs.
GO_SEED = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.
"""
GO_LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"  # noqa: E501
GO_NOTE = f"{GO_TEXT}\n{GO_LINE}"

TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]) | st.just("\n")).map("{}\n".format)


def _signer(name: str, seed: int = 1) -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


PETER = Signer("PeterNeumann", Ed25519PrivateKey.from_private_bytes(base64.b64decode(GO_SEED)[1:]))
DEVICE, CLOUD = _signer("device.example/kitchen"), _signer("cloud.example", 2)


def test_the_example_of_the_specification_verifies() -> None:
    verifier = Verifier.parse(SPEC_VKEY)
    assert verifier.key_id.hex() == "530d903a"
    assert open_note(SPEC_NOTE, [verifier]) == "This is an example message.\n"
    assert open_note(SPEC_NOTE.encode(), [verifier]) == "This is an example message.\n"


def test_the_specification_s_poem_is_well_formed_and_unread_without_its_key() -> None:
    with pytest.raises(NoteError, match="no signature by a trusted key"):
        open_note(SPEC_POEM, [Verifier.parse(SPEC_VKEY)])
    with pytest.raises(NoteError, match="a line under the text is no signature"):
        open_note(SPEC_POEM.replace("— ", "- "), [Verifier.parse(SPEC_VKEY)])


def test_signing_writes_what_the_go_implementation_writes() -> None:
    assert PETER.vkey == GO_VKEY
    assert sign(GO_TEXT, PETER) == GO_NOTE
    assert open_note(GO_NOTE, [Verifier.parse(GO_VKEY)]) == GO_TEXT


def test_the_key_id_is_the_hash_of_name_type_and_key() -> None:
    public = DEVICE.key.public_key().public_bytes_raw()
    expected = hashlib.sha256(b"device.example/kitchen\n\x01" + public).digest()[:4]
    assert DEVICE.verifier.key_id == expected


def test_a_private_key_is_not_shown() -> None:
    assert repr(DEVICE) == "Signer(name='device.example/kitchen')"


@given(TEXTS)
def test_any_plain_text_comes_back_as_it_was_signed(text: str) -> None:
    note = sign(text, DEVICE, CLOUD)
    assert open_note(note, [DEVICE.verifier]) == open_note(note.encode(), [CLOUD.verifier]) == text


@given(TEXTS, st.data())
def test_a_single_changed_byte_is_never_believed(text: str, data: st.DataObject) -> None:
    note = bytearray(sign(text, DEVICE).encode())
    where = data.draw(st.integers(0, len(note) - 1))
    note[where] ^= data.draw(st.integers(1, 255))
    with pytest.raises(NoteError):
        open_note(bytes(note), [DEVICE.verifier])


@given(st.binary() | st.binary().map(lambda junk: b"text\n\n\xe2\x80\x94 " + junk))
def test_hostile_bytes_are_refused_and_nothing_else_happens(junk: bytes) -> None:
    with pytest.raises(NoteError):
        open_note(junk, [DEVICE.verifier])


def test_text_that_looks_like_a_signed_note_is_only_text() -> None:
    note = sign(GO_NOTE, DEVICE)
    assert open_note(note, [DEVICE.verifier]) == GO_NOTE
    with pytest.raises(NoteError, match="no signature by a trusted key"):
        open_note(note, [Verifier.parse(GO_VKEY)])


def test_one_trusted_signature_among_strangers_is_enough() -> None:
    note = sign("head\n", CLOUD, DEVICE)
    assert open_note(note, [DEVICE.verifier]) == "head\n"
    assert open_note(note, [PETER.verifier, CLOUD.verifier, CLOUD.verifier]) == "head\n"
    with pytest.raises(NoteError, match="no signature by a trusted key"):
        open_note(note, [PETER.verifier])
    with pytest.raises(NoteError, match="no signature by a trusted key"):
        open_note(note, [])


def test_a_false_signature_by_a_trusted_key_refuses_a_note_that_another_has_signed() -> None:
    other = sign("other text\n", CLOUD).split("\n\n")[1]
    note = sign("head\n", DEVICE) + other
    with pytest.raises(NoteError, match=r"signature of cloud\.example is false"):
        open_note(note, [DEVICE.verifier, CLOUD.verifier])
    assert open_note(note, [DEVICE.verifier]) == "head\n"


def test_a_repeated_signature_must_be_true_each_time() -> None:
    false = sign("other text\n", DEVICE).split("\n\n")[1]
    with pytest.raises(NoteError, match="is false"):
        open_note(sign("head\n", DEVICE) + false, [DEVICE.verifier])


def test_a_key_of_the_same_name_is_another_key() -> None:
    note = sign("head\n", _signer(DEVICE.name, seed=3))
    with pytest.raises(NoteError, match="no signature by a trusted key"):
        open_note(note, [DEVICE.verifier])


def test_a_signature_of_another_type_is_ignored() -> None:
    cosignature = base64.b64encode(b"\x8d\x66\xcf\x3f" + bytes(72)).decode()
    note = sign("head\n", DEVICE) + f"— witness.example/w1 {cosignature}\n"
    assert open_note(note, [DEVICE.verifier]) == "head\n"


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        GO_TEXT,
        f"{GO_TEXT}\n",
        GO_LINE,
        f"{GO_TEXT}{GO_LINE}",
        GO_NOTE.removesuffix("\n"),
        f"{GO_NOTE}\n",
        f"{GO_NOTE}— stranger.example AAAAAAAAA",
        sign("\n", PETER).removeprefix("\n\n"),
        f"{GO_NOTE}Unexpected line.\n",
        f"{GO_TEXT}\nUnexpected line.\n{GO_LINE}",
        f"\x01{GO_NOTE}",
        GO_NOTE.replace("you", "you\t"),
        GO_NOTE.replace("\n", "\r\n"),
        f"\ud800{GO_NOTE}",
        GO_NOTE.replace("— ", "—"),
        GO_NOTE.replace("— ", "—  "),
        GO_NOTE.replace("— ", "—\u00a0"),
        GO_NOTE.replace("— ", "– "),
        GO_NOTE.replace("PeterNeumann", "Peter Neumann"),
        GO_NOTE.replace("PeterNeumann", "Peter+Neumann"),
        GO_NOTE.replace("PeterNeumann", "Peter\u3000Neumann"),
        GO_NOTE.replace("PeterNeumann ", ""),
        GO_NOTE.replace("nAM=\n", "nAM=\n— stranger.example \n"),
        GO_NOTE.replace("nAM=\n", "nAM=\n— stranger.example AAAAAA==\n"),  # a key id, and no signature
        GO_NOTE.replace("nAM=\n", "nAM=\n— stranger.example AAAAAAB=\n"),  # bits beyond the last byte
        GO_NOTE.replace("nAM=", "nAM"),
        GO_NOTE.replace("nAM=", "nAN="),
        GO_NOTE.replace("nAM=", "nAM= "),
        GO_NOTE.replace("x08go/", "x08go_"),
    ],
)
def test_a_note_out_of_form_is_refused_even_where_its_signature_is_true(note: str) -> None:
    with pytest.raises(NoteError):
        open_note(note, [Verifier.parse(GO_VKEY)])


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(NoteError, match="not UTF-8"):
        open_note(b"\xff" + GO_NOTE.encode(), [Verifier.parse(GO_VKEY)])


def test_sixteen_signatures_are_read_and_a_flood_is_not() -> None:
    strangers = sign("head\n", *(_signer(f"witness.example/{n}", n) for n in range(15)))
    assert open_note(strangers + sign("head\n", DEVICE).split("\n\n")[1], [DEVICE.verifier]) == "head\n"
    with pytest.raises(NoteError, match="more than 100"):
        open_note(f"{GO_TEXT}\n{GO_LINE * 101}", [Verifier.parse(GO_VKEY)])


@pytest.mark.parametrize(
    "text", ["", "no newline at the end", "a\ttab\n", "a\rreturn\n", "\x00\n", "\ud800\n"]
)
def test_text_that_no_note_can_carry_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError, match="sign plain lines"):
        sign(text, DEVICE)


def test_a_note_needs_a_signer() -> None:
    with pytest.raises(NoteError, match="0 signers"):
        sign("head\n")


@pytest.mark.parametrize("name", ["", "a name", "a+b", "a\u00a0b", "a\nb", "a\x00b", "\ud800"])
def test_a_name_that_no_note_can_carry_is_refused(name: str) -> None:
    with pytest.raises(NoteError, match="key name"):
        _signer(name)


def test_every_mangled_verifier_key_is_refused() -> None:
    mangled = [GO_VKEY[i:j] for i in range(len(GO_VKEY)) for j in range(i + 1, len(GO_VKEY) + 1)]
    mangled.remove(GO_VKEY)
    mangled += [GO_VKEY[:i] + chr(ord(c) + 1) + GO_VKEY[i + 1 :] for i, c in enumerate(GO_VKEY)]
    mangled += [
        "",
        f"{GO_VKEY}\n",
        GO_VKEY.replace("c74f20a3", "C74F20A3"),
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # too long, with its id
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # unknown type, with its id
    ]
    for vkey in mangled:
        with pytest.raises(NoteError):
            Verifier.parse(vkey)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_public_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(NoteError, match="not 32"):
        Verifier("a.example", bytes(length))


def test_a_note_error_is_one_line_that_says_what_to_do_and_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"^signed note: [^;\n]+; [^\n]+[^.\n]$") as caught:
        open_note(GO_NOTE, [])
    assert isinstance(caught.value, LedgerError)
    assert caught.value.exit_code == 5
