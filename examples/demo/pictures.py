"""Pictures for people: how far two images are apart, and all of them side by side.

A label is green while it is the one that the network gave at first, and red when it is another.
"""

import io

from PIL import Image, ImageChops, ImageDraw, ImageFont

from .results import Row, Verdict

TILE = 120
GAP = 12
CAPTION = 22
HEADING = 30
BLOCKS_PER_LINE = 2
BLOCK_WIDTH = 3 * TILE + 2 * GAP
BLOCK_HEIGHT = TILE + CAPTION + GAP
TITLES = ("original", "adversarial", "defended")

PAPER, INK, GREEN, RED = "white", "#222222", "#1a7f37", "#cf222e"


def distance_levels(one: bytes, other: bytes) -> int:
    """The largest difference of any pixel, in grey levels."""
    difference = ImageChops.difference(_grey(one), _grey(other))
    return max(level for level, count in enumerate(difference.histogram()) if count)


def comparison(rows: list[Row]) -> Image.Image:
    """Original, adversarial and defended image of each row, side by side and labelled."""
    columns = min(BLOCKS_PER_LINE, len(rows))
    lines = -(-len(rows) // BLOCKS_PER_LINE)
    width = columns * (BLOCK_WIDTH + 3 * GAP) + GAP
    canvas = Image.new("RGB", (width, HEADING + lines * BLOCK_HEIGHT + GAP), PAPER)
    for column in range(columns):
        left = _left(column)
        for place, title in enumerate(TITLES):
            _caption(canvas, left + place * (TILE + GAP), GAP // 2, title, INK)
    for index, row in enumerate(rows):
        line, column = divmod(index, BLOCKS_PER_LINE)
        _block(canvas, _left(column), HEADING + line * BLOCK_HEIGHT, row)
    return canvas


def _left(column: int) -> int:
    return 2 * GAP + column * (BLOCK_WIDTH + 3 * GAP)


def _block(canvas: Image.Image, left: int, top: int, row: Row) -> None:
    shown: list[tuple[bytes, Verdict]] = [
        (row.original, row.before),
        (row.adversarial, row.attacked),
        (row.defended, row.restored),
    ]
    for place, (png, verdict) in enumerate(shown):
        x = left + place * (TILE + GAP)
        # Enlarged without smoothing: every pixel that the attack moved can be seen.
        tile = _grey(png).resize((TILE, TILE), Image.Resampling.NEAREST)
        canvas.paste(tile, (x, top))
        colour = GREEN if verdict.label == row.before.label else RED
        _caption(canvas, x, top + TILE + 2, str(verdict), colour)


def _caption(canvas: Image.Image, x: int, y: int, text: str, colour: str) -> None:
    font = ImageFont.load_default(size=15)
    ImageDraw.Draw(canvas).text((x + TILE // 2, y), text, fill=colour, font=font, anchor="ma")


def _grey(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png)) as image:
        return image.convert("L")
