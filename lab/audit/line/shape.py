"""What all connections of a device share: how it greets, and what it calls its broker."""

from collections.abc import Iterator
from ipaddress import ip_address

from lab.audit.errors import NotGiven
from lab.audit.line.call import Call
from lab.audit.line.nonsense import place
from lab.audit.line.wire import Wire
from lab.audit.verdicts import Finding

_MOST_IDLE = 16


def faults(wire: Wire) -> Iterator[Finding]:
    """What is strange in a connection, and what differs from one to the next."""
    yield from _beheaded(wire)
    forms: dict[object, object] = {}
    for call in wire.calls:
        for strange in call.strange:
            yield Finding(strange.what, place(strange.at))
        if call.began is not None:
            yield from (Finding(what, place(call.began)) for what in _greeting(call, wire, forms))
    yield from _idle(wire)


def _greeting(call: Call, wire: Wire, forms: dict[object, object]) -> Iterator[str]:
    """What is wrong with how one begins; `forms` are those of the ones before."""
    if (call.tls is None) == wire.link.broker.tls:
        yield "a connection in the clear where TLS is, or under TLS where none is"
    hello, form = call.hello, call.form
    if hello is not None and forms.setdefault("hello", hello.form) != hello.form:
        yield "a ClientHello that is made otherwise than the first"
    if hello is not None and hello.name not in wire.names:
        yield f"a ClientHello for {hello.name!r}, which is not the broker"
    if form is not None and forms.setdefault(form[0], form) != form:
        yield "a CONNECT that is made otherwise than the first"


def _idle(wire: Wire) -> Iterator[Finding]:
    """Connections that the broker answered, and over which nothing was said. A device that stops, or whose
    disk refuses the row, makes some; many are somewhere to hide, for each has random bytes of its own.
    """
    quiet = [call for call in wire.calls if call.began and not call.said]
    most = _MOST_IDLE + sum(bool(call.said) for call in wire.calls)
    answered = [call for call in quiet if not call.unanswered]
    if len(answered) > most:
        where = place(answered[-1].began or answered[-1].ended)
        yield Finding(f"{len(answered)} connections over which nothing was said", where)
    elif len(quiet) > most:
        raise NotGiven(f"a capture with a broker that answers: it did not {len(quiet)} times")


def _beheaded(wire: Wire) -> Iterator[Finding]:
    """Connections that the device did not begin, or not in this capture: nobody can tell what they say."""
    own = {str(ip_address(each)) for each in wire.link.device}
    for flow, counts in wire.survey.flows.items():
        if flow.protocol == "tcp" and flow.second.address in own and counts.payload[1]:
            yield Finding(
                f"{counts.payload[1]} bytes of a connection whose beginning the capture does not have",
                place(counts.at_first),
            )
