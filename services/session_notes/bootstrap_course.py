"""The records of a course put together: their routes, and their part of an export."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter

from services.session_notes.boundaries.api.routes import VIEWS as BOUNDARIES
from services.session_notes.boundaries.api.routes import boundary_routes
from services.session_notes.concerns.api.routes import VIEWS as CONCERNS
from services.session_notes.concerns.api.routes import concern_routes
from services.session_notes.course.application.exporting import CourseSource
from services.session_notes.course.application.records import Courses
from services.session_notes.desk.api.surface import Surface
from services.session_notes.moments.api.routes import VIEWS as MOMENTS
from services.session_notes.moments.api.routes import moment_routes
from services.session_notes.plans.api.routes import VIEWS as PLANS
from services.session_notes.plans.api.routes import plan_routes
from services.session_notes.risk.api.routes import VIEWS as RISK
from services.session_notes.risk.api.routes import risk_routes
from shared.contracts.records import RecordType
from shared.export.serving import Source

COURSE_ROUTES: Final[tuple[Callable[[Surface, Courses], APIRouter], ...]] = (
    moment_routes,
    plan_routes,
    boundary_routes,
    concern_routes,
    risk_routes,
)
_VIEWS: Final = {**MOMENTS, **PLANS, **BOUNDARIES, **CONCERNS, **RISK}
_NAMES: Final = {RecordType.PSYCHOTHERAPY_NOTE: "closed_moment"}
"""what a record is called in an archive, where that is not its type"""


def course_sources(courses: Courses) -> tuple[Source, ...]:
    return tuple(CourseSource(courses, of, view, _NAMES.get(of, str(of))) for of, view in _VIEWS.items())
