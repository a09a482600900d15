"""A section of a page that a program writes."""

from __future__ import annotations

from pathlib import Path

from processes import Failure


def replace_section(page: Path, begin: str, end: str, section: str) -> bool:
    """Whether the text between the lines `begin` and `end` was another one."""
    text = page.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise Failure(f"{page} must have the lines '{begin}' and '{end}' once each")
    before, after = text.index(begin) + len(begin), text.index(end)
    updated = text[:before] + "\n\n" + section + "\n\n" + text[after:]
    if updated == text:
        return False
    page.write_text(updated, encoding="utf-8")
    return True
