"""The six worked courses, one a modality, half a year each."""

from typing import Final

from infra.demo.courses import cbt, integrative, person_centred, psychodynamic, rebt, trauma_informed
from infra.demo.model import Course

COURSES: Final[tuple[Course, ...]] = tuple(
    module.COURSE for module in (psychodynamic, person_centred, cbt, rebt, trauma_informed, integrative)
)
