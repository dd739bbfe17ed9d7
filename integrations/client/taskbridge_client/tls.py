"""Who the bridge is, for https."""

import hashlib

from taskbridge_client.errors import Refused


class Tls:
    """How to know an https bridge: by public authorities, an own one, a fingerprint, or not at all.

    `ca_file` has PEM certificates; `sha256` is the fingerprint of the bridge's own certificate, in
    hex with or without colons.
    """

    def __init__(self, ca_file=None, sha256=None, insecure=False):
        self._sha256 = (sha256 or "").replace(":", "").lower()
        self._unchecked = insecure or bool(self._sha256)
        self._ca_file = ca_file
        self._context = None

    def context(self):
        """Raises an error of the system or of `ssl` if the CA file cannot be used."""
        import ssl  # Jython may lack what it needs

        if self._context is None:
            self._context = ssl.create_default_context(cafile=self._ca_file)
            if self._unchecked:
                self._context.check_hostname = False
                self._context.verify_mode = ssl.CERT_NONE
        return self._context

    def check(self, sock):
        """Raises `Refused` if the certificate is not the pinned one."""
        if self._sha256:
            found = hashlib.sha256(sock.getpeercert(True)).hexdigest()
            if found != self._sha256:
                raise Refused("the bridge has another certificate, with SHA-256 " + found)
