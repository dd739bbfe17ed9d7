"""The files that a run over local files leaves: one module for each format, made from rows."""
