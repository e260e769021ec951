"""How things look in a console and in a notebook: one line each, and tables as text and as HTML."""

from collections.abc import Sequence
from dataclasses import MISSING, fields
from html import escape

MOST = 4  # things in a row


def counted(n: int, thing: str, plural: str = "s") -> str:
    """Write a number of things: 1 step, 2 steps."""
    return f"{n:,} {thing}{'' if n == 1 else plural}"


def joined(words: Sequence[str], most: int = MOST) -> str:
    """Join words by commas; of more than `most` the first, the last and how many."""
    if len(words) <= most:
        return ", ".join(words)
    return f"{', '.join(words[: most - 1])}, ..., {words[-1]} ({len(words)} in all)"


def settings(thing) -> str:
    """Write a frozen dataclass with the fields that are not at their defaults: LIF(decay=0.9)."""
    parts = []
    for field in fields(thing):
        value = getattr(thing, field.name)
        if (field.default is not MISSING and value == field.default) or callable(value):
            continue
        long = isinstance(value, tuple) and len(value) > MOST
        parts.append(f"{field.name}={f'({len(value)} values)' if long else repr(value)}")
    return f"{type(thing).__name__}({', '.join(parts)})"


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table as text: columns of equal width, what is a number at the right of its column."""
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    numbers = [all(not cell or cell[0].isdigit() for cell in column) for column in zip(*rows)]
    lines = [
        "  ".join(cell.rjust(n) if right else cell.ljust(n) for cell, n, right in zip(row, widths, numbers)).rstrip()
        for row in (head, *rows)
    ]
    return "\n".join(lines)


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write the same as HTML, which a notebook shows in its own style."""
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    first, *others = (f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead>{first}</thead><tbody>{''.join(others)}</tbody></table>"
