"""Jython only: pictures that a Java program hands out as streams."""

from java.io import File
from java.nio.file import Files, StandardCopyOption


def save(stream, folder=None):
    """Copies a java.io.InputStream into a temporary file, closes it and returns the file's path."""
    target = File.createTempFile("taskbridge", ".picture", File(folder) if folder else None)
    try:
        Files.copy(stream, target.toPath(), StandardCopyOption.REPLACE_EXISTING)
    finally:
        stream.close()
    return target.getPath()
