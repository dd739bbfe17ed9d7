import importlib.util

from support.programs import ROOT


def test_the_page_of_settings_is_as_they_are_declared() -> None:
    """tools/settings_page.py writes the tables of the page."""
    spec = importlib.util.spec_from_file_location("settings_page", ROOT / "tools/settings_page.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert tool.updated(page) == page
