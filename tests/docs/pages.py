"""What is in the pages: their fenced blocks, with what stands before them."""

import pathlib
import re
from dataclasses import dataclass, field


@dataclass
class Block:
    """One fenced block. line is that of its first line of text."""

    page: pathlib.Path
    line: int
    language: str
    text: str
    section: int  # which heading it stands under
    notes: dict = field(default_factory=dict)  # <!-- NAME: VALUE --> directly before it
    output: "Block | None" = None  # what a run must print: the ```text that follows

    @property
    def place(self):
        return f"{self.page}:{self.line}"


def blocks_of(page):
    """The blocks of a page in their order."""
    blocks, notes, section, block = [], {}, 0, None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = re.match(r"(\s*)```(.*)$", line)
        note = re.match(r"\s*<!-- ([a-z ]+?)(?:: (.*?))? -->$", line)
        if block is not None and fence:
            block.text = "".join(block_lines)
            block, notes = None, {}
        elif block is not None:
            block_lines.append(line.removeprefix(indent) + "\n")
        elif fence:
            indent, block_lines = fence[1], []
            block = Block(page, number + 1, fence[2].strip(), "", section, notes)
            blocks.append(block)
        elif note:
            notes[note[1]] = note[2] or ""
        else:
            section += line.startswith("#")
            if line.strip():
                notes = {}
    for this, following in zip(blocks, blocks[1:]):
        if following.language == "text" and following.section == this.section:
            this.output = following
    return blocks


def prose_of(page):
    """The lines outside of fenced blocks, as (number, text)."""
    fenced = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def all_pages():
    return [pathlib.Path("README.md"), *sorted(pathlib.Path("docs").glob("*.md"))]
