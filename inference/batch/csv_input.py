"""Table of videos to make: a CSV file with a header and a row for each video."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inference.batch.item import BatchItem
from inference.core.errors import InputCode, InputError
from inference.core.options import FILES, OPTIONS, REQUIRED_FILES, parse_option

CSV_SUFFIX = ".csv"
_COLUMNS = (*FILES, "name", *OPTIONS)
_COLUMNS_HELP = (
    "Its first line names the columns: image and audio, and as wanted "
    f"{', '.join(_COLUMNS[2:-1])} and {_COLUMNS[-1]}."
)
_SEPARATORS = ";,"  # spreadsheets write the first in many countries
Line = tuple[int, list[str]]  # number from 1, values


def read_csv(path: Path) -> list[BatchItem]:
    """Read a table in UTF-8, with commas or semicolons; its files are relative to its folder.

    A line that can't be used becomes an item with a refusal. Raises InputError when the table as a
    whole can't be used.
    """
    lines = _read_lines(path)
    _, header = next(lines, (0, []))
    columns = [column.lower() for column in header]
    _require_known(path, columns)
    found = [_parse_line(path.parent, columns, line) for line in lines]
    if not found:
        message = f"{path.name} has no rows under its header. Write one for each video."
        raise InputError(InputCode.EMPTY_FILE, message)
    return found


def _read_lines(path: Path) -> Iterator[Line]:
    """Yield the lines that are not empty. Raises InputError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        message = f"{path} can't be read. Check its permissions."
        raise InputError(InputCode.NOT_FOUND, message, str(error)) from error
    except UnicodeDecodeError as error:
        message = f"{path.name} is not UTF-8. Save it as CSV UTF-8."
        raise InputError(InputCode.BAD_OPTION, message, str(error)) from error
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for values in reader:
            stripped = [value.strip() for value in values]
            if any(stripped):
                yield reader.line_num, stripped
    except csv.Error as error:
        message = f"Line {reader.line_num} of {path.name} is no CSV. Save the table as CSV again."
        raise InputError(InputCode.BAD_OPTION, message, str(error)) from error


def _require_known(path: Path, columns: list[str]) -> None:
    """Raise InputError unless these are the columns of a table."""
    if not set(columns) & set(REQUIRED_FILES):
        raise InputError(InputCode.BAD_OPTION, f"{path.name} has no header. {_COLUMNS_HELP}")
    for column in columns:
        if column and column not in _COLUMNS:
            message = f"{path.name} has a column {column!r}, which is not known. {_COLUMNS_HELP}"
            raise InputError(InputCode.BAD_OPTION, message)
        if column and columns.count(column) > 1:
            message = f"{path.name} has the column {column} twice. Leave one of them out."
            raise InputError(InputCode.BAD_OPTION, message)
    for column in REQUIRED_FILES:
        if column not in columns:
            message = f"{path.name} has no column {column}. {_COLUMNS_HELP}"
            raise InputError(InputCode.BAD_OPTION, message)


def _parse_line(folder: Path, columns: list[str], line: Line) -> BatchItem:
    number, values = line
    cells = {column: value for column, value in zip(columns, values, strict=False) if value}
    name = cells.get("name") or Path(cells.get("image", "")).stem or f"line {number}"
    try:
        if any(values[len(columns) :]):
            message = (
                f"Line {number} has more values than there are columns. "
                "Put quotes around a value that holds the separator."
            )
            raise InputError(InputCode.BAD_OPTION, message)
        image, *recordings = _find_files(folder, cells)
        return BatchItem(name, image, tuple(recordings), _parse_options(cells))
    except InputError as error:
        return BatchItem(name, refusal=error.message)


def _find_files(folder: Path, cells: dict[str, str]) -> list[Path]:
    """Return the picture and the recordings. Raises InputError when one is missing."""
    for column in REQUIRED_FILES:
        if column not in cells:
            noun = "picture" if column == "image" else "recording"
            message = f"This row names no {noun}. Write its file in the column {column}."
            raise InputError(InputCode.NOT_FOUND, message)
    for column in FILES:
        if column in cells and not _is_file(folder / cells[column]):
            message = f"There is no file {cells[column]}. Write it as seen from the table's folder."
            raise InputError(InputCode.NOT_FOUND, message)
    return [folder / cells[column] for column in FILES if column in cells]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # an impossible name, or a folder without permission
        return False


def _parse_options(cells: dict[str, str]) -> dict[str, Any]:
    return {name: parse_option(name, cells[name]) for name in OPTIONS if name in cells}
