"""Tasks to and judgements from Label Studio, in its JSON (format of 1.x: data, predictions, annotations).
Pure.
"""

from typing import Any

import msgspec

from cloud_stub.errors import NoTask
from cloud_stub.review.judgement import Judgement
from cloud_stub.review.prepared import Prepared

LABELLING = """<View>
  <Audio name="audio" value="$audio" hotkey="space" speed="1" muted="true"/>
  <Header value="The machine heard: $heard"/>
  <Header value="It took it for: $intent. It answered: $answer"/>
  <TextArea name="transcript" toName="audio" maxSubmissions="1" editable="true" rows="2"/>
  <Choices name="intent" toName="audio" choice="single" required="true">
    <Choice value="right"/><Choice value="wrong"/><Choice value="unclear"/>
  </Choices>
  <Choices name="answer" toName="audio" choice="single" required="true">
    <Choice value="right"/><Choice value="wrong"/><Choice value="unclear"/>
  </Choices>
  <Choices name="false_wake" toName="audio" choice="single" required="true">
    <Choice value="no"/><Choice value="yes"/>
  </Choices>
  <TextArea name="artist" toName="audio" maxSubmissions="1"/>
</View>
"""


def as_task(task_id: str, prepared: Prepared) -> dict[str, Any]:
    """One task; what the machine heard is its prediction."""
    result = {
        "from_name": "transcript",
        "to_name": "audio",
        "type": "textarea",
        "value": {"text": [prepared.heard]},
    }
    return {
        "data": {
            "task": task_id,
            "audio": f"/data/local-files/?d=sound/{task_id}.wav",
            "heard": prepared.heard,
            "intent": prepared.intent,
            "answer": prepared.answer,
        },
        "predictions": [{"model_version": "pocketsphinx", "result": [result]}],
    }


def read_judgements(content: bytes) -> dict[str, Judgement]:
    """What Label Studio exported (JSON), by task id; a task without an annotation is left out.

    Raises:
        NoTask: it is not such an export; the message says where.
    """
    try:
        found = msgspec.json.decode(content, type=list[dict[str, Any]])
    except msgspec.MsgspecError as error:
        raise NoTask(f"Label Studio export: {error}; export as JSON") from error
    judged: dict[str, Judgement] = {}
    for at, each in enumerate(found):
        try:
            done = [one for one in each.get("annotations") or [] if not one.get("was_cancelled")]
            if done:
                judged[str(each["data"]["task"])] = _judgement(done[-1])
        except (KeyError, TypeError, AttributeError, IndexError, msgspec.ValidationError) as error:
            what = f"task {at}: {error!r}; label with labelling.xml of the export"
            raise NoTask(f"Label Studio export: {what}") from error
    return judged


def _judgement(annotation: dict[str, Any]) -> Judgement:
    said: dict[str, Any] = {}
    for each in annotation["result"]:
        value = each["value"]
        told = value.get("choices") or value.get("text") or ""
        said[each["from_name"]] = told if isinstance(told, str) else told[0]
    return msgspec.convert(said | {"false_wake": said["false_wake"] == "yes"}, Judgement)
