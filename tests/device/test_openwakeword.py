"""openWakeWord's heads as the second ear: the package's own scores, asked for by name, and wiped when told.

The yardstick is `pyopen-wakeword` on the same audio, in a process of its own. It begins with 8 s of silence
and takes a step every 80 ms; of what it gives, the last is compared.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from device.config import load
from device.errors import ConfigError, ModelError
from device.wakeword import Detector, Ears, Opinion, Wake, find, open_ears
from device.wakeword.always_on import AlwaysOn
from device.wakeword.openwakeword import KNOWN, OpenWakeWordVerifier
from tests.device.house import House, s
from tests.device.open_words import (
    MODELS,
    ROOT,
    WAKE,
    WORDS,
    by_path,
    cut,
    needs_package,
    pcm_of,
    reachable,
    run,
)
from tests.device.test_speaker_shows import HISS, look_at

STEP = 2560  # bytes: 80 ms
ALIKE = 1e-3

PYOPEN = """
import json, sys
import soundfile
from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures
features, model = OpenWakeWordFeatures.from_builtin(), OpenWakeWord.from_builtin(Model(sys.argv[1]))
pcm = b"".join(soundfile.read(name, dtype="int16")[0].tobytes() for name in sys.argv[2:])
steps = [pcm[at : at + 2560] for at in range(0, len(pcm) - 2559, 2560)]
print(json.dumps([
    score for step in steps for embedding in features.process_streaming(step)
    for score in model.process_streaming(embedding)
]))
"""


def heard(ears: Ears, pcm: bytes) -> list[Wake | Opinion]:
    said = [ears.hear(frame, end * 320) for end, frame in enumerate(cut(pcm), 1)]
    return [each for each in said if each is not None]


@pytest.fixture(scope="module", params=WORDS)
def word_and_theirs(request: pytest.FixtureRequest) -> tuple[str, bytes, np.ndarray]:
    if MODELS is None:
        pytest.skip("pyopen-wakeword is not installed")
    word, names = request.param, (request.param, "none")
    pcm = pcm_of(*names)
    pcm = pcm[: len(pcm) // STEP * STEP]
    theirs = json.loads(run(PYOPEN, word, *(str(WAKE / f"{name}.flac") for name in names)))
    return word, pcm, np.array(theirs[-len(pcm) // STEP :])


def test_always_on_our_scores_are_those_of_the_package(
    word_and_theirs: tuple[str, bytes, np.ndarray], tmp_path: Path
) -> None:
    word, pcm, theirs = word_and_theirs
    ear = AlwaysOn([find(by_path(tmp_path, word))], 0)
    ours = []
    for end, step in enumerate(cut(pcm, STEP), 1):
        ear.hear(step, end * STEP // 2)
        ours.append(ear.score["computer"])
    np.testing.assert_allclose(ours, theirs, atol=ALIKE)
    assert word == "hey_mycroft" or theirs.max() > 0.8, "it must be sure, or agreeing is easy"


def test_asked_at_its_steps_the_second_ear_scores_as_the_package(
    word_and_theirs: tuple[str, bytes, np.ndarray],
) -> None:
    """Sixteen embeddings at once are the sixteen that the package makes one by one."""
    word, pcm, theirs = word_and_theirs
    verifier = OpenWakeWordVerifier([word])
    ours = []
    for number, frame in enumerate(cut(pcm)):
        verifier.hear(frame)
        if number % 4 == 0:
            ours.append(verifier.score(word))
    np.testing.assert_allclose(ours, theirs, atol=ALIKE)


@needs_package
@pytest.mark.parametrize("size", [2, 642, 10**9])
def test_what_the_second_ear_thinks_does_not_depend_on_how_the_audio_is_cut(size: int) -> None:
    pcm = pcm_of("alexa")[: 2 * 36_000]
    ears = [OpenWakeWordVerifier(["alexa"]) for _ in range(2)]
    for ear, calls in zip(ears, (cut(pcm, size), cut(pcm)), strict=True):
        for call in calls:
            ear.hear(call)
    scores = [ear.score("alexa") for ear in ears]
    assert scores[0] == scores[1] > 0.5


@needs_package
@pytest.mark.parametrize("word", ["alexa", "hey_jarvis", "okay_nabu"])
def test_with_openwakewords_heads_a_word_is_proposed_and_accepted(word: str) -> None:
    wake, opinion = heard(open_ears([word], second_ear="openwakeword"), pcm_of(word))
    assert isinstance(wake, Wake)
    assert isinstance(opinion, Opinion)
    assert (wake.word, wake.stands, opinion.accepted) == (word, False, True)
    assert opinion.threshold == KNOWN[word].thresholds.balanced <= opinion.score


@needs_package
def test_what_its_head_does_not_agree_with_is_rejected() -> None:
    """The first ear knows this voice's word; openWakeWord's head has other ideas."""
    wake, opinion = heard(open_ears(["hey_mycroft"], second_ear="openwakeword"), pcm_of("hey_mycroft"))
    assert isinstance(opinion, Opinion)
    assert (opinion.wake, opinion.accepted) == (wake, False)
    assert 0 < opinion.score < opinion.threshold


@needs_package
@pytest.mark.parametrize("sensitivity", ["careful", "balanced", "eager"])
def test_each_sensitivity_has_its_threshold_for_each_word(sensitivity: str) -> None:
    ears = open_ears(WORDS, sensitivity, second_ear="openwakeword")
    assert ears.threshold == {word: KNOWN[word].propose for word in WORDS}
    assert ears.thresholds == {word: getattr(KNOWN[word].thresholds, sensitivity) for word in WORDS}


def test_the_more_careful_the_higher_a_threshold() -> None:
    for known in KNOWN.values():
        assert known.thresholds.careful > known.thresholds.balanced > known.thresholds.eager > 0


@needs_package
@pytest.mark.parametrize("word", WORDS)
def test_a_head_that_is_sure_later_is_asked_for_longer(word: str) -> None:
    wake, opinion, *_ = heard(open_ears([word], second_ear="openwakeword", patient=True), pcm_of(word))
    window = KNOWN[word].window_samples
    assert window == (480 if word in ("hey_mycroft", "okay_nabu") else 240) * 16
    assert window - 320 < opinion.sample - wake.sample <= window


def test_without_a_second_ear_every_word_has_one_at_the_threshold_of_its_makers() -> None:
    ears = open_ears(WORDS, second_ear="none")
    assert ears.threshold == {word: find(word).cutoff for word in WORDS}
    (wake,) = heard(ears, pcm_of("alexa"))
    assert isinstance(wake, Wake)
    assert wake.stands


def test_the_ears_that_ship_pay_nothing_for_those_that_can_be_chosen() -> None:
    assert type(open_ears(WORDS)._detector) is Detector
    assert type(open_ears(WORDS, second_ear="none")._detector) is Detector


@needs_package
def test_a_word_of_another_first_ear_is_heard_by_that_alone(tmp_path: Path) -> None:
    """The thresholds were found with the first ears that ship."""
    other = bytearray(find("alexa").model) + b"\0"
    micro = {"probability_cutoff": 0.8, "sliding_window_size": 5, "feature_step_size": 10}
    path = by_path(tmp_path, bytes(other), "alexa", type="micro", version=2, micro=micro)
    assert open_ears([str(path)], second_ear="openwakeword").thresholds == {}


def test_a_second_ear_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ModelError, match="second_ear 'both': choose own, openwakeword, none"):
        open_ears(["alexa"], second_ear="both")


@needs_package
@pytest.mark.parametrize("second_ear", ["openwakeword", "none"])
def test_a_head_of_ours_is_for_our_own_second_ear(second_ear: str) -> None:
    own = ROOT / "device" / "wakeword" / "heads" / "alexa.json"
    with pytest.raises(ModelError, match="head for alexa: only second_ear"):
        open_ears(["alexa"], second_ear=second_ear, heads=[own])


# What is kept, and wiped


@needs_package
def test_no_sound_is_held_but_what_the_next_window_needs() -> None:
    verifier = OpenWakeWordVerifier(WORDS)
    for frame in cut(pcm_of("alexa")[:72_960]):
        verifier.hear(frame)
        held = [item for item in reachable(verifier) if isinstance(item, bytes | bytearray | np.ndarray)]
        sound = [item for item in held if not isinstance(item, np.ndarray) or item.dtype == np.int16]
        assert [len(item) for item in sound] == [264], "16.5 ms of samples, and no bytes"
    assert verifier._rows.shape == (200, 32), "two seconds, of bands"
    assert sum(item.nbytes for item in held) < 48_000


@needs_package
def test_what_is_forgotten_is_wiped_to_the_last_array() -> None:
    verifier = OpenWakeWordVerifier(["alexa"])
    verifier.hear(pcm_of("alexa")[: 2 * 36_000])
    held = [item for item in reachable(verifier) if isinstance(item, np.ndarray)]
    heard = [item for item in held if item.shape == (200, 32) or item.dtype == np.int16]
    assert len(heard) == 2
    assert verifier.score("alexa") > 0.5
    verifier.forget()
    assert not any(item.any() for item in heard), "overwritten, not only let go"
    fresh = OpenWakeWordVerifier(["alexa"])
    for nets in zip(
        (verifier._embed._net, verifier._heads["alexa"]._net),
        (fresh._embed._net, fresh._heads["alexa"]._net),
        strict=True,
    ):
        inputs = [net._get(net._input) for net in nets]
        assert np.isfinite(inputs[0]).all()
        if nets[0] is verifier._embed._net:
            assert np.array_equal(*inputs), "the network has heard silence since"
    assert verifier.score("alexa") == fresh.score("alexa") < 0.01


@needs_package
def test_after_forgetting_it_hears_as_if_for_the_first_time() -> None:
    pcm = pcm_of("alexa")[: 2 * 36_000]
    verifier, fresh = OpenWakeWordVerifier(["alexa"]), OpenWakeWordVerifier(["alexa"])
    verifier.hear(pcm[: 2 * 20_000])
    verifier.forget()
    for ear in (verifier, fresh):
        ear.hear(pcm)
    assert verifier.score("alexa") == fresh.score("alexa")


# Settings


@pytest.mark.parametrize("second_ear", ["own", "openwakeword", "none"])
def test_the_second_ear_is_a_setting(tmp_path: Path, second_ear: str) -> None:
    (tmp_path / "my.toml").write_text(f'wakeword.second_ear = "{second_ear}"\n')
    assert load(tmp_path / "my.toml").wakeword.second_ear == second_ear
    assert load(None).wakeword.second_ear == "own"


@pytest.mark.parametrize("value", ['"both"', '""', "true", "[]"])
def test_any_other_second_ear_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "my.toml").write_text(f"wakeword.second_ear = {value}\n")
    with pytest.raises(ConfigError, match=r"wakeword\.second_ear"):
        load(tmp_path / "my.toml")


@pytest.mark.parametrize("second_ear", ["none", pytest.param("openwakeword", marks=needs_package)])
def test_the_speaker_listens_with_the_second_ear_that_was_set(tmp_path: Path, second_ear: str) -> None:
    house = House(tmp_path, 5, f'wakeword.second_ear = "{second_ear}"\n', noise_floor=30)
    house.say("wake/alexa", 0.5)
    house.run()
    assert len(house.of("trigger")) == 1
    assert len(house.of("verified")) == (second_ear == "openwakeword")
    assert house.speaker.sample == s(5)


@needs_package
def test_between_two_frames_an_idle_speaker_holds_no_more_of_the_room_than_a_window_needs(
    tmp_path: Path,
) -> None:
    """Both ears that need the sound itself, each with its 16.5 ms: looked for in all that can be reached."""
    by_path(tmp_path, "hey_jarvis")
    settings = 'wakeword = { second_ear = "openwakeword", words = ["alexa", "computer.json"] }\n'
    house = House(tmp_path, 4, settings, noise_floor=HISS)
    house.say("wake/okay_nabu", 0)
    found = look_at(house, [1, 2.5, 3.9])
    assert house.phases() == ["idle"]
    assert max(found) <= 2 * 264
    assert min(found) > 264, "the search does find what is there"


def test_the_licence_is_said_where_the_extra_is_chosen() -> None:
    for name in ("README.md", "pyproject.toml", "device/default.toml", "docs/wake-words.md", "scripts/setup"):
        assert "CC BY-NC-SA 4.0" in (ROOT / name).read_text(encoding="utf-8"), name
