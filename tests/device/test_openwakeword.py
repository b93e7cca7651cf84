"""openWakeWord's heads as the second ear: the package's own scores, asked for by name, and wiped when told.

The yardstick is `pyopen-wakeword` on the same audio, in a process of its own. It begins with 8 s of silence
and takes a step every 80 ms; of what it gives, the last is compared.
"""

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from device.config import load
from device.errors import ConfigError, ModelError
from device.wakeword import Detector, Ears, Opinion, Wake, find, open_ears
from device.wakeword.always_on import AlwaysOn
from device.wakeword.openwakeword import THRESHOLDS, OpenWakeWordVerifier
from device.wakeword.openwakeword_nets import PACKAGED, Embeddings, packaged
from device.wakeword.runtime import open_interpreter
from tests.device.house import House, s
from tests.device.open_words import FRAME, MODELS, WAKE, WORDS, by_path, cut, needs_package, pcm_of, reachable

ROOT = Path(__file__).parents[2]
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


def run(program: str, *arguments: str, path: Path | None = None) -> str:
    """Run a program in a process of its own, with `path` before everything that is installed."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(str(p) for p in (path, ROOT) if p)}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


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
    assert opinion.threshold == THRESHOLDS[word].balanced <= opinion.score


@needs_package
def test_nothing_is_accepted_where_no_word_was_said() -> None:
    said = heard(open_ears(WORDS, second_ear="openwakeword", refractory_samples=0), pcm_of("none"))
    assert not [each for each in said if isinstance(each, Opinion) and each.accepted]


@needs_package
@pytest.mark.parametrize("sensitivity", ["careful", "balanced", "eager"])
def test_each_sensitivity_has_its_threshold_for_each_word(sensitivity: str) -> None:
    ears = open_ears(WORDS, sensitivity, second_ear="openwakeword")  # type: ignore[arg-type]
    assert ears.thresholds == {word: getattr(THRESHOLDS[word], sensitivity) for word in WORDS}
    for levels in THRESHOLDS.values():
        assert levels.careful > levels.balanced > levels.eager > 0


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
        open_ears(["alexa"], second_ear="both")  # type: ignore[arg-type]


@needs_package
@pytest.mark.parametrize("second_ear", ["openwakeword", "none"])
def test_a_head_of_ours_is_for_our_own_second_ear(second_ear: str) -> None:
    own = ROOT / "device" / "wakeword" / "heads" / "alexa.json"
    with pytest.raises(ModelError, match="head for alexa: only second_ear"):
        open_ears(["alexa"], second_ear=second_ear, heads=[own])  # type: ignore[arg-type]


# What is kept, and wiped


@needs_package
def test_no_sound_is_held_but_what_the_next_window_needs() -> None:
    verifier = OpenWakeWordVerifier(WORDS)
    for frame in cut(pcm_of("alexa")):
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


# Files


@needs_package
@pytest.mark.parametrize("name", sorted(PACKAGED))
def test_every_file_that_is_read_of_the_package_is_pinned(name: str) -> None:
    path, model = packaged(name)
    assert (path.parent, path.name) == (MODELS, f"{name}.tflite")
    assert sha256(model).hexdigest() == PACKAGED[name]


@needs_package
def test_a_model_can_be_opened_for_another_shape() -> None:
    path, model = packaged("embedding_model")
    interpreter = open_interpreter(path, model, (1, 196, 32, 1))
    assert interpreter.get_output_details()[0]["shape"].tolist() == [1, 16, 1, 96]
    with pytest.raises(ModelError, match=r"embedding_model\.tflite: not a TFLite model") as caught:
        open_interpreter(path, model, (1, 8, 32, 1))
    assert "\n" not in str(caught.value)


@needs_package
def test_sixteen_embeddings_at_once_are_those_one_by_one() -> None:
    power = np.random.default_rng(0).uniform(1, 1e6, (200, 32)).astype(np.float32)
    one = Embeddings(1)
    apart = np.concatenate([one(power[at : at + 80]) for at in range(0, 121, 8)])
    np.testing.assert_allclose(Embeddings(16)(power), apart, atol=1e-4)


LISTEN = """
import sys
class Without:
    def __init__(self, finder): self.finder = finder
    def find_spec(self, name, *where):
        return None if name == "pyopen_wakeword" else self.finder.find_spec(name, *where)
if "without" in sys.argv: sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
from device.errors import ModelError
from device.wakeword import open_ears
try:
    ears = open_ears(sys.argv[1].split(), second_ear=sys.argv[2])
    ears._second.score("alexa")
    ears.forget()
    print("opened")
except ModelError as error:
    print(error)
print("imported" if "pyopen_wakeword" in sys.modules else "not imported")
"""


@needs_package
def test_the_package_is_read_and_never_imported() -> None:
    assert run(LISTEN, "alexa okay_nabu", "openwakeword") == "opened\nnot imported\n"
    assert "pyopen_wakeword" not in sys.modules


def test_a_missing_package_says_what_to_install_and_under_which_licence() -> None:
    line, imported = run(LISTEN, "alexa", "openwakeword", "without").splitlines()
    assert "pip install 'overheard[openwakeword]'" in line
    assert "CC BY-NC-SA 4.0" in line
    assert imported == "not imported"
    assert run(LISTEN, "alexa", "own", "without").startswith("opened"), "nothing else needs it"


@needs_package
@pytest.mark.parametrize("name", ["alexa", "embedding_model"])
def test_a_file_of_the_package_that_was_tampered_with_is_refused(tmp_path: Path, name: str) -> None:
    models = tmp_path / "pyopen_wakeword" / "models"
    shutil.copytree(MODELS, models)
    (tmp_path / "pyopen_wakeword" / "__init__.py").touch()
    model = bytearray((models / f"{name}.tflite").read_bytes())
    model[-1] ^= 1
    (models / f"{name}.tflite").write_bytes(model)
    assert f"{name}.tflite: its SHA-256 is" in run(LISTEN, "alexa", "openwakeword", path=tmp_path)


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
