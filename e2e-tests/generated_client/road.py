"""From sign-up to an output's bytes, said with a generated client alone.

Run in the generator's own environment, with the generated package `client` beside it. An answer
that is no success as the document types it ends it.
"""

import json
import sys
from importlib import import_module
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit

from dev.waiting import eventually

ROAD_SECONDS_MAX = 120.0
OVER = {"FINISHED", "FAILED", "CANCELED"}


def main(url: str, folder: str, username: str, password: str) -> None:
    sys.path.insert(0, folder)
    package, models = import_module("client"), import_module("client.models")
    anonymous = package.Client(base_url=url)
    account = models.Registration(username=username, password1=password, password2=password)
    registered = called("authentication.register", client=anonymous, body=account)
    login = models.Credentials(username=username, password=password)
    issued = called("authentication.log_in", client=anonymous, body=login)
    assert registered.token != issued.token
    signed_in = package.AuthenticatedClient(base_url=url, token=issued.token, prefix="Token")
    outputs = road(signed_in, models)
    called("authentication.log_out", client=signed_in)
    sys.stdout.write(json.dumps(outputs))


def road(client: Any, models: Any) -> list[str]:
    """What the outputs of the run say."""
    file = import_module("client.types").File(BytesIO(b"Ada\n"), "ada.txt", "text/plain")
    uploaded = called("files.create_file", client=client, body=models.NewFile(blob=file))
    pipeline = built_pipeline(client, models)
    body = models.NewRun(pipeline=pipeline.url, files=[uploaded.url])
    run = called("runs.create_run", client=client, body=body)

    def ended() -> Any:
        seen = called("runs.read_run", run_id=run.id, client=client)
        return seen if seen.status in OVER else None

    over = eventually(ended, "the run is over", seconds_max=ROAD_SECONDS_MAX)
    jobs = called("jobs.list_jobs", client=client, run=[run.id])
    assert over.status == "FINISHED", jobs[-1].logs
    return [downloaded(client, url) for url in jobs[-1].output_files]


def built_pipeline(client: Any, models: Any) -> Any:
    functions = {each.name: each for each in called("functions.list_functions", client=client)}
    made = called(
        "pipelines.create_pipeline", client=client, body=models.PipelineCreate(name="generated")
    )
    for name, arguments in (("Greet", {"greeting": "Good morning"}), ("Shout", {})):
        task = models.TaskCreate(
            pipeline=made.url, function=functions[name].url, arguments=json.dumps(arguments)
        )
        called("tasks.create_task", client=client, body=task)
    enabled = models.PipelineChange(enabled=True)
    return called("pipelines.change_pipeline", pipeline_id=made.id, client=client, body=enabled)


def downloaded(client: Any, url: str) -> str:
    output = called(
        "files.read_file", file_id=int(url.rstrip("/").rpartition("/")[2]), client=client
    )
    _, _, _, link, name = urlsplit(output.blob_url).path.split("/")
    content = called("media.read_blob", link=link, name=unquote(name), client=client)
    return str(content.payload.read().decode())


def called(operation: str, /, **arguments: Any) -> Any:
    """What a successful answer was parsed into."""
    answer = import_module(f"client.api.{operation}").sync_detailed(**arguments)
    assert 200 <= answer.status_code < 300, f"{operation}: {answer.status_code} {answer.content!r}"
    assert answer.parsed is not None, f"{operation}: the document does not say what it answers"
    return answer.parsed


if __name__ == "__main__":
    main(*sys.argv[1:])
