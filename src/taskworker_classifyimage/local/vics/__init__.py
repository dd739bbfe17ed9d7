"""Cases in the format of Project VIC (VICS 2.0, JSON), which many forensic programs exchange.

    pieces   the text of a case file: its media, and what stands between them
    stored   the file that a medium names, never one outside the folder of the media
    case     both together: what a run classifies

`outputs/vics_file.py` writes the case with what was recognised.
"""
