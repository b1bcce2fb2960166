"""Everybody that the table of permissions tells apart, in one system."""

import secrets
from dataclasses import dataclass, field

from harness.people import People, Person, accepted
from harness.quiet import QuietSystem, command

from services.users.scopes import WORKER_SCOPE


@dataclass(frozen=True)
class Everybody:
    """`alice` owns what is tried, `bob` owns nothing of it, `root` is an administrator."""

    people: People
    system: QuietSystem
    alice: Person
    bob: Person
    root: Person

    @classmethod
    def gather(cls, system: QuietSystem, people: People) -> "Everybody":
        name, password = f"root-{secrets.token_hex(6)}", secrets.token_urlsafe(16)
        command(system.stack, "createsuperuser", "--username", name, "--password", password)
        body = {"username": name, "password": password}
        token = accepted(people.http.post("/auth/login/", json=body))["token"]
        root = Person(people.http, name, password, token)
        return cls(people, system, people.register("alice"), people.register("bob"), root)

    _narrowed: dict[tuple[str, frozenset[str]], Person] = field(default_factory=dict)

    def with_scopes(self, person: Person, scopes: frozenset[str]) -> Person:
        """Made once: nothing that is tried with such a token ends it."""
        key = (person.username, scopes)
        if key not in self._narrowed:
            self._narrowed[key] = narrowed(person, scopes)
        return self._narrowed[key]

    def cast(self, owner: Person) -> dict[str, Person]:
        """Who plays which role where the thing is this person's."""
        return {
            "anonymous": Person(self.people.http, "", "", ""),
            "owner": owner,
            "other user": self.bob,
            "worker token": self.with_scopes(self.root, frozenset({WORKER_SCOPE})),
            "administrator": self.root,
        }


def narrowed(person: Person, scopes: frozenset[str]) -> Person:
    """The same person with a token for these scopes; without any, with another whole token."""
    body = {"name": "narrowed", **({"scopes": sorted(scopes)} if scopes else {})}
    made = accepted(person.asks("POST", "/auth/tokens/", json=body))
    return Person(person.http, person.username, person.password, made["token"])
