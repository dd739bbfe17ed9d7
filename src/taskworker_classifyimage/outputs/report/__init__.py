"""The report: a page that shows what a run found, in one file or with a folder of thumbnails.

The page holds an index of all pictures. Their thumbnails and details are in blocks of 1,000, which
the page reads when they come into view: from the page itself, or from the files of the folder.
"""

from taskworker_classifyimage.outputs.report.writer import write

__all__ = ["write"]
