"""One object per format of pictures, one file per family of formats.

A new format is a new subclass of `base.Format` and a line in `registry.FORMATS`.
"""
