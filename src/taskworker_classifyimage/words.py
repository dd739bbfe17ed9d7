"""Numbers with their nouns, for people."""


def counted(count: int, noun: str) -> str:
    """A number and what it counts, such as "1 picture" and "2 classes"."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun}{'es' if noun.endswith(('s', 'x', 'ch')) else 's'}"
