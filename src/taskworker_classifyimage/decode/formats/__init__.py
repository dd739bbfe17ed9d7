"""One object a format of pictures, one file a family of formats.

A new format is a new subclass of `base.Format` and a line in `registry.FORMATS`.
"""
