"""What waits to be taken: in order, many at once, and nobody is kept waiting by an end."""

import threading

import pytest

from cloud_stub.mail import AT_ONCE, MOST, MOST_BYTES, Mail

PATIENCE_S = 20.0


@pytest.fixture
def mail():
    return Mail()


def numbered(first, count):
    return [("topic", b"%d" % number) for number in range(first, first + count)]


def bring(mail, letters):
    return [mail.put(*letter) for letter in letters]


def beside(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_all_that_came_is_taken_at_once_in_its_order(mail):
    bring(mail, numbered(0, 3))
    assert mail.take() == numbered(0, 3)
    bring(mail, numbered(3, 1))
    assert mail.take() == numbered(3, 1)


def test_no_more_is_taken_at_once_than_one_transaction_should_hold(mail):
    bring(mail, numbered(0, AT_ONCE + 1))
    assert mail.take() == numbered(0, AT_ONCE)
    assert mail.take() == numbered(AT_ONCE, 1)


@pytest.mark.parametrize("waiting", [0, 1, AT_ONCE, AT_ONCE + 1])
def test_what_waits_at_the_end_is_taken_and_then_it_is_over_however_much_waited(mail, waiting):
    bring(mail, numbered(0, waiting))
    mail.end()
    taken = []
    while letters := mail.take():
        taken += letters
    assert taken == numbered(0, waiting)
    assert mail.take() == []


def test_what_comes_after_the_end_is_dropped(mail):
    mail.end()
    assert bring(mail, numbered(0, 1)) == [False]
    assert mail.take() == []


def test_who_waits_for_a_message_is_woken_by_one_and_by_the_end(mail):
    taken = []
    taking = beside(lambda: taken.extend([mail.take(), mail.take()]))
    bring(mail, numbered(0, 1))
    mail.end()
    taking.join(PATIENCE_S)
    assert taken == [numbered(0, 1), []]


@pytest.mark.parametrize("full", [numbered(0, MOST), [("topic", bytes(MOST_BYTES))]], ids=["many", "long"])
@pytest.mark.parametrize("let_go", [Mail.take, Mail.end], ids=["by room", "by the end"])
def test_who_brings_more_than_there_is_room_for_waits_and_is_let_go(mail, full, let_go):
    bring(mail, full)
    bringing = beside(lambda: bring(mail, numbered(MOST, 1)))
    bringing.join(0.1)
    assert bringing.is_alive()
    let_go(mail)
    bringing.join(PATIENCE_S)
    assert not bringing.is_alive()
