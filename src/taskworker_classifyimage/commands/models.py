"""List the models that are there."""

import argparse

from taskworker_classifyimage.classify.catalogue import DEFAULT_MODEL, built_in_packs


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """This command has no flags."""


def run(_parsed: argparse.Namespace) -> int:
    """Prints one line a model."""
    print(f"{'':2}{'name':20} {'input':>9} {'top-1':>7} {'size':>8}  {'licence':11} source")
    for pack in built_in_packs():
        mark = "*" if pack.name == DEFAULT_MODEL else ""
        side = f"{pack.input.size}x{pack.input.size}"
        size_mb = len(pack.read_verified()) / 1e6
        top1 = "" if pack.published_top1 is None else f"{pack.published_top1:.1%}"
        print(
            f"{mark:2}{pack.name:20} {side:>9} {top1:>7} {size_mb:>5.1f} MB  "
            f"{pack.licence:11} {pack.source}"
        )
    print("\n* runs by default. top-1: published accuracy on the ImageNet validation set.")
    return 0
