"""The second ear: its network, its heads, and that what it remembers is features, for 1.9 s and no longer."""

import gc
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from device.errors import ModelError
from device.wakeword import open_ears
from device.wakeword.embedding import BANDS, FULL_SCALE, SIZE, Embedding, pack, rows_for
from device.wakeword.features import Features
from device.wakeword.head import Head, Thresholds, encode_weights, parse
from device.wakeword.verifier import HEADS, Verifier, packaged, shipped_embedding, shipped_sha256

WAKE = Path(__file__).parents[1] / "audio" / "wake"
WORDS = ["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"]


def rows_of(name: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    features = Features()
    pcm = soundfile.read(WAKE / f"{name}.flac", dtype="int16")[0].tobytes()
    return np.concatenate([features.rows[0].copy() for _ in features.hear(pcm)])


def remembering(rows: np.ndarray[tuple[int, int], np.dtype[np.float64]], *heads: Head) -> Verifier:
    verifier = Verifier(heads or (shipped("alexa"),))
    for at in range(0, len(rows) - 2, 3):
        verifier.keep(rows[None, at : at + 3])
    return verifier


def shipped(word: str) -> Head:
    head = packaged(word)
    assert head is not None
    return head


# The network


def test_an_embedding_is_of_the_last_680_ms_and_of_nothing_else() -> None:
    network = shipped_embedding()
    rows = (rows_of("alexa") / FULL_SCALE).astype(np.float32)
    short, long = network(rows[40:108], 1), network(rows[:108], 1)
    np.testing.assert_allclose(short, long, atol=1e-4)
    other = rows[40:108].copy()
    other[0] += 1
    assert np.abs(network(other, 1) - short).max() > 1e-3, "the oldest row counts"


def test_a_whole_stream_gives_what_windows_give() -> None:
    network = shipped_embedding()
    rows = (rows_of("alexa") / FULL_SCALE).astype(np.float32)[: rows_for(16)]
    np.testing.assert_allclose(network.every(rows)[::4], network(rows, 16), atol=1e-4)
    assert network(rows, 16).shape == (16, SIZE)


def test_a_network_is_written_and_read() -> None:
    rng = np.random.default_rng(1)
    shapes = [(8, BANDS, 5), (6, 8, 4), *[(6, 6, 3)] * 4, (SIZE, 6, 1)]
    layers = [
        (rng.normal(size=shape).astype(np.float32), rng.normal(size=shape[0]).astype(np.float32))
        for shape in shapes
    ]
    rows = rng.uniform(size=(rows_for(2), BANDS)).astype(np.float32)
    assert Embedding(pack(layers), Path("here"))(rows, 2).shape == (2, SIZE)


@pytest.mark.parametrize(
    "broken", [b"", b"PK\3\4", b"not a network", (HEADS / "embedding.npz").read_bytes()[:9_000]]
)
def test_a_broken_network_is_an_error_in_one_line(broken: bytes) -> None:
    with pytest.raises(ModelError, match=r"^here: not an embedding network \(.*\); restore the file$"):
        Embedding(broken, Path("here"))


# The heads


@pytest.mark.parametrize("word", WORDS)
def test_every_word_that_ships_has_a_head_for_the_network_that_ships(word: str) -> None:
    head = shipped(word)
    assert head.embedding == shipped_sha256()
    assert 0 < head.thresholds.eager <= head.thresholds.balanced <= head.thresholds.careful < 1
    assert word in open_ears([word]).thresholds


def test_a_head_is_what_its_file_says() -> None:
    document = (HEADS / "alexa.json").read_bytes()
    assert parse(document, "here") == shipped("alexa")


def changed(**fields: object) -> bytes:
    document = msgspec.json.decode((HEADS / "alexa.json").read_bytes())
    return msgspec.json.encode(document | fields)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"", "Input data was truncated"),
        (b"{}", "type"),
        (changed(type="openWakeWord"), "type"),
        (changed(version=2), "version"),
        (changed(more=1), "unknown field"),
        (changed(embeddings=17), "embeddings"),
        (changed(embeddings=8), "not 8 x 96 weights"),
        (changed(weights="?"), "not base64"),
        (changed(weights=encode_weights(np.full(16 * 96, np.nan, np.float32))), "not 16 x 96 weights"),
        (changed(thresholds={"careful": 0.9, "balanced": 0.8, "eager": 0}), "eager"),
        (b"\xff\xfe", "malformed"),
    ],
)
def test_what_is_no_head_is_an_error_in_one_line(document: bytes, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        parse(document, "my.json")
    assert str(caught.value).startswith("my.json: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_heads_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine.json"
    for document, says in (
        (changed(embedding="0" * 64), "made for the network 000000000000"),
        (changed(first_ear="0" * 64), "made for another first ear than alexa.tflite"),
        (changed(word="okay_nabu"), "not a wake word here"),
    ):
        mine.write_bytes(document)
        with pytest.raises(ModelError, match=says):
            open_ears(["alexa"], heads=[mine])
    with pytest.raises(ModelError, match="No such file"):
        open_ears(["alexa"], heads=[tmp_path / "none.json"])
    with pytest.raises(ModelError, match="choose careful, balanced, eager"):
        open_ears(["alexa"], "deaf")


def test_a_head_by_path_stands_in_for_the_one_that_ships(tmp_path: Path) -> None:
    mine = tmp_path / "mine.json"
    mine.write_bytes(changed(thresholds={"careful": 0.97, "balanced": 0.96, "eager": 0.95}))
    assert open_ears(["alexa"], heads=[mine]).thresholds == {"alexa": 0.96}


# What is remembered


def test_the_score_is_of_what_was_kept_last() -> None:
    """However long it has been listening, and wherever its memory begins again."""
    word, other = rows_of("alexa"), rows_of("none")
    first = [remembering(word[:until]).score("alexa") for until in range(60, len(word), 3)]
    later = remembering(other)
    assert max(first) > 0.5
    found = []
    for at in range(0, len(word) - 2, 3):
        later.keep(word[None, at : at + 3])
        if at >= 60:
            found.append(later.score("alexa"))
    peak = int(np.argmax(first))
    if 3 * peak + 60 >= rows_for(16):
        assert found[peak - 1] == pytest.approx(first[peak], abs=0.05)


def test_forgetting_leaves_silence() -> None:
    verifier = remembering(rows_of("alexa"))
    verifier.forget()
    assert verifier.score("alexa") == Verifier([shipped("alexa")]).score("alexa")
    assert not any(array.any() for array in memories(verifier))


def memories(verifier: Verifier) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Every array that changes with what is heard: those that a fresh verifier holds as zeros."""
    for item in gc.get_referents(verifier.__dict__, verifier):
        if isinstance(item, np.ndarray) and item.shape[-1] == BANDS:
            yield item


def test_it_remembers_less_than_two_seconds_of_features_and_no_audio() -> None:
    verifier = remembering(rows_of("none"))
    (memory,) = memories(verifier)
    rows = rows_of("none").astype(np.float32)
    newest = rows[: len(rows) - len(rows) % 3][-189:]
    assert len(rows) > 3 * 189
    assert {row.tobytes() for row in memory} == {row.tobytes() for row in newest}
    assert memory.shape == (189, BANDS), "1.89 s"


def test_the_weights_of_a_head_come_back_as_they_were_written() -> None:
    weights = np.random.default_rng(0).normal(size=16 * 96).astype(np.float32)
    kind, levels, text = "overheard second ear", Thresholds(0.9, 0.8, 0.7), encode_weights(weights)
    head = Head(kind, 1, "x", "0" * 64, "0" * 64, 0.1, 16, 0.5, text, levels)
    np.testing.assert_array_equal(head.row(), weights)
