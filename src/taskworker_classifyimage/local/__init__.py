"""Pictures on this machine, without a bridge: single files, folders, and evaluation of a model."""
