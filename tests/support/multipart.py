"""Forms as browsers send them, built by hand so that a test can also build broken ones."""

from collections.abc import Iterable


def form_type(boundary: str) -> dict[str, str]:
    """The header that announces such a body."""
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def json_part(text: bytes) -> bytes:
    return b'Content-Disposition: form-data; name="json"\r\n\r\n' + text


def file_part(content: bytes, file_name: str, content_type: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
    if content_type:
        head += f"Content-Type: {content_type}\r\n"
    return head.encode() + b"\r\n" + content


def multipart(boundary: str, parts: Iterable[bytes]) -> bytes:
    mark = f"--{boundary}".encode()
    return b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
