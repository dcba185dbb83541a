"""Run over a batch's items, one after the other.

A failed item does not stop the others, and a video that exists is not made twice.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.batch.item import BatchItem
from inference.core.engine import Engine
from inference.core.errors import InputCode, InputError, PortraitError, from_code, from_os_error
from inference.core.events import Failed, Finished, Result
from inference.core.options import JobOptions, Permission
from inference.core.settings import load_settings
from inference.core.task import Task
from inference.rendering.provenance.signing import sign_results
from ui.cli import terminal
from ui.cli.batch import contact_sheet, words
from ui.cli.batch.contact_sheet import Card, Clip
from ui.cli.batch.folder import SHEET, BatchFolder, compute_fingerprint, open_batch
from ui.cli.batch.words import ItemStatus
from ui.cli.exit_status import Interrupted, cancel_on_interrupt
from ui.cli.generate import prepare_task, publish_video

EngineSelector = Callable[[str], Engine]  # returns a quality's engine; raises PortraitError


def require_separate_folders(source: Path, out: Path) -> None:
    """Raise InputError if the videos would be written among their inputs."""
    if source.resolve() == out.resolve():
        raise InputError(InputCode.BAD_OPTION, words.SAME_FOLDER.format(out=out))


def run_batch(
    items: Sequence[BatchItem],
    out: Path,
    options: JobOptions,
    select_engine: EngineSelector,
    model: str = "",
    as_json: bool = False,
) -> int:
    """Generate the videos of `items` in `out`, showing progress; return the number of failures.

    `options` are those of items without their own; `model` is the one asked for.
    Raises InputError if another batch writes into `out`, OSError, and Interrupted if the user
    stopped it.
    """
    with open_batch(out) as folder:
        batch = _BatchRun(items, folder, options, select_engine, model, quiet=as_json)
        try:
            batch.run()
        except (KeyboardInterrupt, Interrupted):
            raise Interrupted(words.stopped(batch.status_counts)) from None
        if as_json:
            terminal.print_json(batch.to_json())
        else:
            terminal.print_message(words.summary(batch.status_counts))
            terminal.print_message(str(out / SHEET))
        return batch.status_counts[ItemStatus.FAILED]


class _BatchRun:
    """One run over all items, with an up-to-date card for each."""

    def __init__(
        self,
        items: Sequence[BatchItem],
        folder: BatchFolder,
        options: JobOptions,
        select_engine: EngineSelector,
        model: str,
        quiet: bool,
    ) -> None:
        self._items, self._folder, self._options = items, folder, options
        self._select_engine, self._model, self._quiet = select_engine, model, quiet
        self._cards = [
            Card(item.name, refusal=item.refusal) if item.refusal else folder.build_card(item.name)
            for item in items
        ]
        self._rendered = [contact_sheet.render_card(card) for card in self._cards]

    @property
    def status_counts(self) -> Counter[ItemStatus]:
        """Number of items in each state."""
        return Counter(card.status for card in self._cards)

    def run(self) -> None:
        """Process all items. Raises Interrupted."""
        self._write_sheet()
        with cancel_on_interrupt() as cancelled:
            for index in range(len(self._items)):
                card = self._process_item(index, cancelled)
                if card.refusal:
                    self._print(f"{card.name}: {card.refusal}")
                if card != self._cards[index]:
                    self._cards[index] = card
                    self._rendered[index] = contact_sheet.render_card(card)
                    self._write_sheet()
                if cancelled():
                    raise Interrupted

    def to_json(self) -> dict[str, Any]:
        """Return the state of all items as plain data."""
        rows = [
            {
                "name": card.name,
                "kind": card.status,
                "video": str(self._folder.path / card.video) if card.video else None,
                "message": card.refusal or None,
                "permission": card.clip and (card.clip.permission or Permission.NOT_STATED),
            }
            for card in self._cards
        ]
        counts = {status.value: count for status, count in self.status_counts.items()}
        return {"sheet": str(self._folder.path / SHEET), "counts": counts, "rows": rows}

    def _write_sheet(self) -> None:
        self._folder.write_sheet(contact_sheet.render_sheet(self._rendered, self.status_counts))

    def _print(self, line: str) -> None:
        if not self._quiet:
            terminal.print_message(line)

    def _process_item(self, index: int, cancelled: Callable[[], bool]) -> Card:
        """Process an item and return its card. Raises Interrupted."""
        item = self._items[index]
        if item.refusal:
            return self._cards[index]
        try:
            options = replace(self._options, **item.options)
            assert item.image is not None, "an item that is not refused has a picture"
            fingerprint = compute_fingerprint([item.image, *item.recordings], options, self._model)
            is_current = self._folder.is_current(item.name, fingerprint)
            if is_current:
                self._folder.record_permission(item.name, _select_permission(options))
            if is_current or self._folder.is_foreign(item.name):
                self._print(f"{self._folder.video_path(item.name)} is there already.")
            else:
                self._print(words.position(index + 1, len(self._items), item.name))
                clip = self._generate(item, item.image, options, fingerprint, cancelled)
                line = words.made_in(clip.duration_s, clip.seconds)
                self._print(f"{self._folder.video_path(item.name)}: {line}")
        except (PortraitError, OSError) as error:
            refusal = from_os_error(error) if isinstance(error, OSError) else error
            return Card(item.name, refusal=refusal.message)
        return self._folder.build_card(item.name)

    def _generate(
        self,
        item: BatchItem,
        image: Path,
        options: JobOptions,
        fingerprint: str,
        cancelled: Callable[[], bool],
    ) -> Clip:
        """Generate a video and return its record. Raises PortraitError, OSError, Interrupted."""
        engine = self._select_engine(options.quality)
        with self._folder.make_work_folder() as work:
            task = prepare_task(work, image, item.recordings, options)
            events = sign_results(engine.generate(task, cancelled), task, load_settings())
            last = terminal.show_progress(events, not self._quiet)
            if isinstance(last, Finished):
                clip = _build_clip(task, last.result, fingerprint)
                self._folder.store_video(work, item.name, clip)
                return self._publish(item.name, task, clip)
            if isinstance(last, Failed) and not cancelled():
                raise from_code(last.code, last.message, last.details)
            raise Interrupted

    def _publish(self, name: str, task: Task, clip: Clip) -> Clip:
        """Publish the video if a bucket is set up.

        Returns the record with the link, or with the reason why there is none.
        """
        published = publish_video(task, self._folder.video_path(name))
        if published is None:
            return clip
        note = words.not_published(published.refusal) if published.refusal else ""
        if published.expires:
            note = words.link_opens(published.expires)
        clip = replace(clip, url=published.url, notes=(*clip.notes, note))
        self._folder.record(name, clip)
        return clip


def _select_permission(options: JobOptions) -> Permission | None:
    """Return what is stated; None for a draft that states nothing, as nobody asks it to."""
    says_nothing = options.permission is Permission.NOT_STATED and options.sampling is None
    return None if says_nothing else options.permission


def _build_clip(task: Task, result: Result, fingerprint: str) -> Clip:
    """Return the record of a new video."""
    return Clip(
        fingerprint=fingerprint,
        width=result.width,
        height=result.height,
        frames=result.frames,
        duration_s=result.duration_s,
        seconds=result.seconds,
        settings=words.settings(task.request, task.plan),
        notes=tuple(notice.message for notice in task.plan.warnings),
        permission=_select_permission(task.request),
    )
