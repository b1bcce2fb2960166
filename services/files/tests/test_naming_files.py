import httpx
import pytest

from services.files.tests.conftest import NO_FILE, StoredBlobs, Uploads, form, post
from shared.testing.tokens import Signer


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b'filename="dir/in.txt"', "in.txt"),
        (b'filename="C:\\dir\\in.txt"', "in.txt"),
        (b'filename="my file.txt"', "my file.txt"),
        (b'filename="a&amp;b.txt"', "a&b.txt"),
        (b'filename="a&#47;b.txt"', "b.txt"),
        (b'filename="\xc3\xbc\xe4\xb8\xad.txt"', "\u00fc\u4e2d.txt"),
        (b"filename*=UTF-8''%C3%BC%20x.txt", "\u00fc x.txt"),
        (b"filename=\"plain.txt\"; filename*=UTF-8''real.txt", "real.txt"),
        (b'filename="a\x07b.txt"', "ab.txt"),
        (b'filename="quo\\"ted.txt"', 'quo"ted.txt'),
    ],
)
async def test_a_name_is_kept_but_for_directories_and_control_characters(
    client: httpx.AsyncClient, signer: Signer, sent: bytes, kept: str
) -> None:
    body = (
        b'--X\r\nContent-Disposition: form-data; name="blob"; ' + sent + b"\r\n\r\nx\r\n--X--\r\n"
    )

    answer = await post(client, signer, body)

    assert (answer.status_code, answer.json()["name"]) == (201, kept)
    assert (await client.get(answer.json()["blob_url"])).content == b"x"


@pytest.mark.parametrize("name", ["", "/", "dir/", ".", "..", "\\", "a/.."])
async def test_a_file_without_a_name_is_no_file(
    client: httpx.AsyncClient, signer: Signer, name: str
) -> None:
    body = form((f'name="blob"; filename="{name}"', b"x"))

    answer = await post(client, signer, body)

    assert (answer.status_code, answer.json()) == (400, NO_FILE)


async def test_a_name_of_255_bytes_is_the_longest(upload: Uploads, stored: StoredBlobs) -> None:
    assert (await upload("\u00fc" * 125 + ".txtx")).status_code == 201
    for name in ("\u00fc" * 126 + ".txt", "n" * 5000):
        answer = await upload(name)
        assert (answer.status_code, list(answer.json())) == (400, ["blob"])
    assert len(stored()) == 1
