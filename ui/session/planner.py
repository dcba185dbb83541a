"""Planner of sessions: frame, draft and prices, computed once for a state of the inputs.

A `SessionPlan` is handed on from the change of a session to its draft and its page.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from inference.core.cost_model import CostModel, load_cost_model
from inference.core.errors import InputCode, InputError, build_no_face_error
from inference.core.inputs import FrameSize
from inference.core.plan import Estimate, Plan, estimate, make_plan
from inference.core.settings import Settings
from presets.quality import DRAFT_QUALITY, PRESETS
from presets.schema import EngineFamily
from ui.session.availability import OfferChecker
from ui.session.page_state import Area, Problem
from ui.session.requests import (
    Framing,
    build_request,
    compute_framing,
    find_speakers,
    select_voices,
)
from ui.session.session import Choices, Session
from ui.strings import text


@dataclass(frozen=True)
class SessionPlan:
    """All that follows from the inputs and choices of a session.

    `draft` is None while an input is missing, or can't be used: see `problem`. `finals` are the
    estimates of the qualities of a final video; empty without a `draft`.
    """

    session: Session
    framing: Framing | None
    draft: Plan | None = None
    problem: Problem | None = None
    finals: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def is_too_long(self) -> bool:
        """Whether the recordings have to be trimmed."""
        return self.problem is not None and self.problem.code == InputCode.TOO_LONG

    def is_for(self, session: Session) -> bool:
        """Return whether `session` has the inputs and choices of the one that was planned."""
        return _select_inputs(self.session) == _select_inputs(session)


class Planner:
    """Planner within a server's limits, by its present cost model."""

    def __init__(self, settings: Settings, offer_checker: OfferChecker) -> None:
        self._settings, self._offer_checker = settings, offer_checker

    @property
    def max_recordings_s(self) -> tuple[float, float]:
        """Longest recording in seconds, for a draft and for a final video."""
        longest = self._settings.max_seconds_for
        return longest(EngineFamily.DRAFT), longest(EngineFamily.MULTITALK)

    def plan(self, session: Session, known: SessionPlan | None = None) -> SessionPlan:
        """Return the plan of `session`; `known`, if that is for the same inputs and choices.

        Raises InputError when the chosen crop does not show the picture.
        """
        if known and known.is_for(session):
            return known
        framing, cost_model = compute_framing(session), self._load_cost_model()
        try:
            draft = self._plan_draft(session, cost_model)
        except InputError as error:
            area: Area = "stage" if error.code is InputCode.BAD_OPTION else "voice-0"
            area = "picture" if error.code is InputCode.NO_FACE else area
            problem = Problem(area, error.code, text.refusal(error))
            return SessionPlan(session, framing, problem=problem)
        finals = _estimate_finals(session, draft, cost_model) if draft else {}
        return SessionPlan(session, framing, draft, finals=finals)

    def plan_final(self, session: Session) -> Plan:
        """Return the plan of a final video in the chosen quality. Raises InputError."""
        request = build_request(session, session.choices.quality)
        assert request is not None, "only a session with a draft's plan gets a final video"
        return make_plan(request, self.max_recordings_s[1], self._load_cost_model())

    def _plan_draft(self, session: Session, cost_model: CostModel) -> Plan | None:
        """Return the plan of a draft; without a face, that of the picture's middle."""
        faces = session.picture.picture.faces if session.picture else ()
        if session.picture and not (faces or session.choices.speakers or session.middle):
            raise build_no_face_error()
        request = build_request(session, DRAFT_QUALITY)
        return make_plan(request, self.max_recordings_s[0], cost_model) if request else None

    def _load_cost_model(self) -> CostModel:
        return load_cost_model(self._settings, self._offer_checker.get_latest().paid)


def compute_fingerprint(plan: SessionPlan) -> str:
    """Return a hash of everything that goes into a draft; empty if none can be made."""
    session = plan.session
    if plan.draft is None or not find_speakers(session):
        return ""
    shown = replace(session, choices=_select_draft_choices(session.choices))
    request = build_request(shown, DRAFT_QUALITY)
    return hashlib.sha256(repr((_list_used_files(session), request)).encode()).hexdigest()


def _select_draft_choices(choices: Choices) -> Choices:
    """Return `choices` without those that no draft shows."""
    return replace(choices, prompt="", negative_prompt="")


def _list_used_files(session: Session) -> list[str]:
    """Return the files of the session that a job uses."""
    assert session.picture is not None
    return [session.picture.file, *(voice.file for voice in select_voices(session))]


def _select_inputs(session: Session) -> tuple[object, ...]:
    return session.picture, session.voices, session.whole, session.choices, session.middle


def _estimate_finals(session: Session, draft: Plan, cost_model: CostModel) -> dict[str, Estimate]:
    """Return time and price of a final video in each quality."""
    return {
        name: estimate(
            name,
            session.choices.get_tuning(name),
            draft.frames,
            len(draft.speakers),
            FrameSize(draft.width, draft.height),
            cost_model,
        )
        for name, preset in PRESETS.items()
        if preset.engine.needs_gpu
    }
