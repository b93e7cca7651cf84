"""When the world of a test may go on: once the line is quiet, so that each run at full speed is the same.

It looks at both ends of the line: the packets at the broker's door, and what the firmware tells its witness.
It never waits for what a fault keeps back, nor for a cloud that nobody plays.
"""

from time import monotonic

from device.envelope import topics
from device.session import Phase
from device.speaker import Speaker
from lab.kit.broker import MockBroker

_ANY_UTTERANCE = "0" * 32


class Still:
    """Stands between two frames of `speaker` at `broker`; `answers`: whether its cloud answers what it hears.

    Let it `witness` what the firmware tells. What did not come within `patience_s` of real time is not waited
    for again.
    """

    def __init__(self, broker: MockBroker, *, answers: bool, patience_s: float) -> None:
        self._broker = broker
        self._answers = answers
        self._patience_s = patience_s
        self._in_vain: set[tuple[str, int]] = set()
        self._ups = self._departures = 0

    def witness(self, kind: str, fields: dict[str, object]) -> None:
        """Note what concerns the line: that it is up, and what leaves on it."""
        if kind == "link" and fields["up"]:
            self._ups += 1
            self._departures = 0
        self._departures += kind == "publish"

    def meet(self, speaker: Speaker) -> None:
        """Get to know the firmware before it starts."""
        me = speaker.parts.device
        self._speaker = speaker
        self._me, self._ack, self._response = me, topics.ack(me), topics.response(me)
        self._end = topics.utterance(me, _ANY_UTTERANCE, "end")
        self._welcomes_before = self._broker.welcomes(me, topics.KEYS)
        self._taken = (0, 0)

    def hold(self) -> None:
        """Return when the loop may hear its next frame."""
        arrived, outbox = self._speaker.parts.line.arrived, self._speaker.parts.outbox
        until_s = monotonic() + self._patience_s
        while True:
            arrived.clear()  # first: what changes from here on is not missed
            state = (self._what() or "", outbox.size)
            if not state[0] or state in self._in_vain:
                break
            if not arrived.wait(until_s - monotonic()):
                self._in_vain.add(state)
        self._taken = self._taken_by_now()

    def _what(self) -> str | None:
        """What is to come before time goes on; None when nothing is."""
        line, broker = self._speaker.parts.line, self._broker
        if broker.lets_in and not broker.welcomed(self._me, topics.KEYS):
            return "it is connected"
        if not broker.connected(self._me):
            return "it knows that it is cut off" if line.up and not line.inbox else None
        welcomes = broker.welcomes(self._me, topics.KEYS) - self._welcomes_before
        hears_of_it_next = not line.up or welcomes > self._ups
        return None if hears_of_it_next or broker.withholds else self._of_the_line()

    def _of_the_line(self) -> str | None:
        broker = self._broker
        quiet = broker.quiet(self._me) or not broker.confirms
        if self._departures > broker.published_by(self._me) or not quiet:
            return "what left is confirmed, and what came is taken"
        if broker.expects(self._end):
            return "who listened is back"
        return self._of_the_cloud() if broker.listens(self._end) else None

    def _of_the_cloud(self) -> str | None:
        parts, (acks, responses) = self._speaker.parts, self._taken_by_now()
        if parts.delivery.unacknowledged and acks == self._taken[0]:
            return "it is acknowledged"
        asks = self._speaker.phase is Phase.PROCESSING and not parts.turn.leaving
        return "it is answered" if asks and self._answers and responses == self._taken[1] else None

    def _taken_by_now(self) -> tuple[int, int]:
        return self._broker.taken(self._me, self._ack), self._broker.taken(self._me, self._response)
