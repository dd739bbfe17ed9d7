"""The settings that all integrations have in common, from lines such as `taskBridgeUrl = URL`."""

import io

from taskbridge_client.calls import Bridge
from taskbridge_client.errors import Refused, describe
from taskbridge_client.patience import Patience
from taskbridge_client.pictures import Pictures
from taskbridge_client.tls import Tls

#: What each setting is if it is not there, or empty.
_DEFAULTS = {
    "taskBridgeUrl": "http://127.0.0.1:42000/",
    "validateSSL": "true",
    "language": "de",
    "predictions": "10",
    "categories": "false",
    "threshold": "0",
    "timeLimit": "600",
    "patience": "60",
    "inFlight": "16",
}


class BadSettings(Exception):
    """Says which setting is wrong, and what it has to be."""


class Settings:
    """How to reach the bridge and what to ask of it.

    Attributes:
        threshold_percent: the least probability of a class or category that is written.
        patience: what all threads share.
    """

    def __init__(self, find):
        """`find(name)` gives the text of a setting, or None."""
        self._find = find
        self._url = self.text("taskBridgeUrl")
        self._token = self._read_token()
        self._in_flight = self.number("inFlight", 1, 100)
        self.threshold_percent = self.number("threshold", 0, 100, float)
        self._data = {
            "targetlanguage": self.text("language"),
            "numberofpredictions": self.number("predictions", 1, 1000),
        }
        if self.flag("categories"):
            self._data["categories"] = True
        self.patience = Patience(
            self.number("patience", 0, 86400, float), self.number("timeLimit", 1, 86400, float)
        )
        self._tls = self._read_tls()
        self.pictures(None)  # a wrong address is told now

    def pictures(self, answers):
        """For one thread; connects at the first picture."""
        try:
            bridge = Bridge(self._url, self._token, self._tls, self.patience)
        except (Refused, ValueError) as err:
            raise BadSettings("taskBridgeUrl: %s" % describe(err))
        return Pictures(bridge, self._data, self._in_flight, self.patience, answers)

    def text(self, name):
        return (self._find(name) or "").strip() or _DEFAULTS.get(name, "")

    def number(self, name, least, most, kind=int):
        """The number of a setting that is there or has a default."""
        text = self.text(name) or "0"
        try:
            number = kind(text)
        except ValueError:
            number = None
        if number is None or not least <= number <= most:
            raise BadSettings(
                "%s is '%s', but has to be a number from %s to %s" % (name, text, least, most)
            )
        return number

    def flag(self, name):
        text = (self.text(name) or "false").lower()
        if text not in ("true", "false"):
            raise BadSettings("%s is '%s', but has to be true or false" % (name, text))
        return text == "true"

    def _read_tls(self):
        ca_file = self.text("caFile") or None
        tls = Tls(ca_file, self.text("certificateSha256"), not self.flag("validateSSL"))
        try:
            if ca_file:
                tls.context()
        except EnvironmentError as err:  # of which errors of `ssl` are a kind
            raise BadSettings("caFile: %s: %s" % (ca_file, describe(err)))
        return tls

    def _read_token(self):
        path = self.text("tokenFile")
        if not path:
            return self.text("token")
        try:
            with io.open(path, encoding="ascii") as file:
                token = file.read().strip()
        except (EnvironmentError, ValueError) as err:
            raise BadSettings("tokenFile: %s" % describe(err))
        if not token:
            raise BadSettings("tokenFile: %s is empty" % path)
        return token


def read_properties(path):
    """The lines `KEY = value` of a file in UTF-8; lines that start with # are comments."""
    found = {}
    with io.open(path, encoding="utf-8-sig") as file:
        for line in file:
            key, sign, text = line.partition("=")
            if sign and not line.lstrip().startswith("#"):
                found[key.strip()] = text.strip()
    return found
