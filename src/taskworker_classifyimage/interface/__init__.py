"""The Python interface: what other programs import, see `taskworker_classifyimage.__all__`."""
