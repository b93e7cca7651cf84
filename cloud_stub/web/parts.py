"""What the pages need, in one hand. They open nothing themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud_stub.hearing.artists import Artist
from cloud_stub.people.grants import Grants
from cloud_stub.people.limits import Limits
from cloud_stub.people.passkeys import Passkeys
from cloud_stub.people.people import People
from cloud_stub.people.sessions import Sessions
from cloud_stub.review.opening import Review
from cloud_stub.vault import Vault
from cloud_stub.wishes import Wishes


@dataclass(frozen=True, slots=True)
class Parts:
    """clock: UTC. site: where the pages are, as browsers see them; over https, cookies are for https
    alone. artists: whom a listener can choose from.
    """

    vault: Vault
    wishes: Wishes
    review: Review
    people: People
    sessions: Sessions
    passkeys: Passkeys
    grants: Grants
    limits: Limits
    clock: Callable[[], datetime]
    site: str
    artists: Sequence[Artist]

    @property
    def secure(self) -> bool:
        """Whether cookies are for https alone."""
        return self.site.startswith("https://")

    @property
    def cookie(self) -> str:
        """The name of the cookie; a browser takes `__Host-` from this site alone."""
        return "__Host-session" if self.secure else "session"


def make_parts(
    vault: Vault,
    wishes: Wishes,
    review: Review,
    people: People,
    clock: Callable[[], datetime],
    site: str,
    artists: Sequence[Artist],
) -> Parts:
    """Everything over these."""
    sessions, passkeys, grants = Sessions(people), Passkeys(people, site), Grants(people)
    return Parts(vault, wishes, review, people, sessions, passkeys, grants, Limits(), clock, site, artists)
