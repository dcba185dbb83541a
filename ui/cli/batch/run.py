"""Many videos, one after the other: what is wrong with one does not stop the others, and what is
there already is not made again."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.batch.item import Row
from inference.core.engine import Engine
from inference.core.errors import InputCode, InputError, PortraitError, disk_fault, from_code
from inference.core.events import Failed, Finished, Result
from inference.core.task import Task
from ui.cli import terminal
from ui.cli.batch import contact_sheet, words
from ui.cli.batch.contact_sheet import Card, Clip
from ui.cli.batch.folder import SHEET, BatchFolder, fingerprint, opened
from ui.cli.batch.words import Kind
from ui.cli.exit_status import Interrupted, cancel_on_interrupt
from ui.cli.generate import prepare, publish

EngineOf = Callable[[str], Engine]  # who makes a quality; raises PortraitError


def require_apart(source: Path, out: Path) -> None:
    """Raises InputError when the videos would lie among what they are made of."""
    if source.resolve() == out.resolve():
        raise InputError(InputCode.BAD_OPTION, words.SAME_FOLDER.format(out=out))


def make_all(
    rows: Sequence[Row],
    out: Path,
    choices: Mapping[str, Any],
    engine_of: EngineOf,
    model: str = "",
    as_json: bool = False,
) -> int:
    """Have the videos of `rows` made in `out`, telling how far it is; returns how many could not.

    `choices` are the fields of a Request for rows without their own; `model` is the one that was
    asked for. Raises InputError when another batch writes into `out`, OSError, and Interrupted when
    the person stopped it.
    """
    with opened(out) as folder:
        batch = _Batch(rows, folder, choices, engine_of, model, quiet=as_json)
        try:
            batch.run()
        except (KeyboardInterrupt, Interrupted):
            raise Interrupted(words.stopped(batch.kinds)) from None
        if as_json:
            terminal.print_json(batch.told())
        else:
            terminal.say(words.summary(batch.kinds))
            terminal.say(str(out / SHEET))
        return batch.kinds[Kind.FAILED]


class _Batch:
    """One run over all rows, with a card for each as it stands."""

    def __init__(
        self,
        rows: Sequence[Row],
        folder: BatchFolder,
        choices: Mapping[str, Any],
        engine_of: EngineOf,
        model: str,
        quiet: bool,
    ) -> None:
        self._rows, self._folder, self._choices = rows, folder, choices
        self._engine_of, self._model, self._quiet = engine_of, model, quiet
        self._cards = [
            Card(row.name, refusal=row.refusal) if row.refusal else folder.card(row.name)
            for row in rows
        ]
        self._drawn = [contact_sheet.card(card) for card in self._cards]

    @property
    def kinds(self) -> Counter[Kind]:
        """How many rows there are of each kind."""
        return Counter(card.kind for card in self._cards)

    def run(self) -> None:
        """Go through all rows. Raises Interrupted."""
        self._write()
        with cancel_on_interrupt() as cancelled:
            for index in range(len(self._rows)):
                card = self._carried_out(index, cancelled)
                if card.refusal:
                    self._say(f"{card.name}: {card.refusal}")
                if card != self._cards[index]:
                    self._cards[index], self._drawn[index] = card, contact_sheet.card(card)
                    self._write()
                if cancelled():
                    raise Interrupted

    def told(self) -> dict[str, Any]:
        """What has become of all rows, as plain data."""
        rows = [
            {
                "name": card.name,
                "kind": card.kind,
                "video": str(self._folder.path / card.video) if card.video else None,
                "message": card.refusal or None,
            }
            for card in self._cards
        ]
        counts = {kind.value: count for kind, count in self.kinds.items()}
        return {"sheet": str(self._folder.path / SHEET), "counts": counts, "rows": rows}

    def _write(self) -> None:
        self._folder.write_sheet(contact_sheet.sheet(self._drawn, self.kinds))

    def _say(self, words: str) -> None:
        if not self._quiet:
            terminal.say(words)

    def _carried_out(self, index: int, cancelled: Callable[[], bool]) -> Card:
        """The card of a row once everything was tried. Raises Interrupted."""
        row = self._rows[index]
        if row.refusal:
            return self._cards[index]
        try:
            choices = {**self._choices, **row.choices}
            assert row.image is not None, "a row that is not refused has a picture"
            mark = fingerprint([row.image, *row.recordings], choices, self._model)
            known = self._folder.is_made(row.name, mark) or self._folder.is_strange(row.name)
            if known:
                self._say(f"{self._folder.video(row.name)} is there already.")
            else:
                self._say(words.position(index + 1, len(self._rows), row.name))
                clip = self._make(row, row.image, choices, mark, cancelled)
                made = words.made(clip.duration_s, clip.seconds)
                self._say(f"{self._folder.video(row.name)}: {made}")
        except (PortraitError, OSError) as error:
            told = disk_fault(error) if isinstance(error, OSError) else error
            return Card(row.name, refusal=told.message)
        return self._folder.card(row.name)

    def _make(
        self,
        row: Row,
        image: Path,
        choices: dict[str, Any],
        mark: str,
        cancelled: Callable[[], bool],
    ) -> Clip:
        """What is known of the new video. Raises PortraitError, OSError, and Interrupted."""
        engine = self._engine_of(choices["quality"])
        with self._folder.work() as work:
            task = prepare(work, image, row.recordings, choices)
            last = terminal.with_progress(engine.generate(task, cancelled), not self._quiet)
            if isinstance(last, Finished):
                clip = _clip(task, last.result, mark)
                self._folder.keep(work, row.name, clip)
                return self._published(row.name, task, clip)
            if isinstance(last, Failed) and not cancelled():
                raise from_code(last.code, last.message, last.details)
            raise Interrupted

    def _published(self, name: str, task: Task, clip: Clip) -> Clip:
        """The same, with where it is published, or why it isn't, if a bucket is set up."""
        published = publish(task, self._folder.video(name))
        if published is None:
            return clip
        told = words.not_published(published.refusal) if published.refusal else ""
        if published.expires:
            told = words.link_opens(published.expires)
        known = replace(clip, url=published.url, notes=(*clip.notes, told))
        self._folder.note(name, known)
        return known


def _clip(task: Task, result: Result, mark: str) -> Clip:
    """What is to be known of the video that was made."""
    return Clip(
        fingerprint=mark,
        width=result.width,
        height=result.height,
        frames=result.frames,
        duration_s=result.duration_s,
        seconds=result.seconds,
        settings=words.settings(task.request, task.plan),
        notes=tuple(notice.message for notice in task.plan.warnings),
    )
