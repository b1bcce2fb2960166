"""The AsyncAPI 3 document: which messages travel on which subjects of NATS, and who sends them."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.events.base import Event
from shared.events.dead_letters import dead_letters_subject
from shared.events.runs import JOBS_SUBJECT_PREFIX, JobReady
from shared.events.streams import DEAD_LETTERS_STREAM, EVENTS_STREAM, JOBS_STREAM

DEAD_LETTER = "dead-letter"
CONTENT_TYPE = "application/cloudevents+json"
# Documents may be read without their neighbours, so the schemas stand in this one once more.
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"

Document = dict[str, Any]


def asyncapi_of(
    events: Sequence[type[Event]],
    schemas: Mapping[str, Document],
    headers: Document,
    version: str,
) -> Document:
    channels = {event.type: _channel(event) for event in events}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "MLsploit events",
            "version": version,
            "description": "CloudEvents 1.0 in JSON on NATS JetStream. Within a version events "
            "only grow: ignore what you do not know. See docs/reference/events.md.",
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "nats": {"host": "nats:4222", "protocol": "nats", "description": "With JetStream."}
        },
        "channels": channels | {DEAD_LETTER: _dead_letters()},
        "operations": {name: _sending(name) for name in (*channels, DEAD_LETTER)},
        "components": {
            "messages": {
                **{event.type: _message(event, schemas[event.type]) for event in events},
                DEAD_LETTER: _letter(headers),
            }
        },
    }


def _channel(event: type[Event]) -> Document:
    is_job = event is JobReady
    found: Document = {
        "address": f"{JOBS_SUBJECT_PREFIX}{{module}}" if is_job else event.subject(),
        "description": f"Kept on the stream {JOBS_STREAM if is_job else EVENTS_STREAM}.",
        "messages": _messages(event.type),
    }
    if is_job:
        found["parameters"] = {"module": {"description": "The name of the job's module."}}
    return found


def _dead_letters() -> Document:
    return {
        "address": dead_letters_subject("{service}", "{subscription}"),
        "description": f"Kept on the stream {DEAD_LETTERS_STREAM}.",
        "messages": _messages(DEAD_LETTER),
        "parameters": {
            "service": {"description": "Who gave it up."},
            "subscription": {"description": "Which of the service's subscriptions did."},
        },
    }


def _messages(name: str) -> Document:
    return {name: {"$ref": f"#/components/messages/{name}"}}


def _sending(name: str) -> Document:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
    }


def _message(event: type[Event], schema: Document) -> Document:
    return {
        "name": event.type,
        "title": event.__name__,
        "summary": schema["description"],
        "contentType": CONTENT_TYPE,
        "headers": {
            "type": "object",
            "properties": {"Nats-Msg-Id": {"type": "string", "description": "The event's id."}},
        },
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": schema},
    }


def _letter(headers: Document) -> Document:
    return {
        "name": DEAD_LETTER,
        "title": "Dead letter",
        "summary": "An event that a service could never digest, as it came.",
        "headers": {"schemaFormat": SCHEMA_FORMAT, "schema": headers},
    }
