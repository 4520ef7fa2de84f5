"""Routes below a study: one of its trials, how its search went, its files."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from api.answers.conditional import FileAnswer, file_tag, unchanged
from api.answers.files import all_files, file_named, made, path_of, trial_files
from api.answers.search import search_course
from api.answers.trial import trial_detail
from api.answers.versions import etag
from api.answers.views import as_json
from api.application import openapi, trial_schemas
from api.application.dependencies import Match, Reader, TheService
from api.application.kept_answers import costly_answer, versioned
from api.requests.errors import Problem
from tuner.errors import LedgerError, UserError

router = APIRouter(tags=["studies"])


@router.get(
    "/studies/{study_id}/trials/{number}", summary="A trial: its curves seed by seed, its files",
    response_model=trial_schemas.TrialDetail, responses=openapi.may_answer(304, 401, 403, 404, 422, 429, 503),
)  # fmt: skip
def get_trial(
    service: TheService,
    caller: Reader,
    study_id: str,
    number: Annotated[int, Path(ge=0, lt=10**9)],
    match: Match = None,
) -> Response:
    """Every metric over the training, as mean and seed by seed; trials of the same configuration in other
    roles; what the trial has left.
    """
    row = service.find(study_id, caller)

    def make() -> bytes:
        pages = service.pages
        trial = pages.trial(row.id, number)
        if trial is None:
            raise Problem(404, f"the study has no trial {number}")
        measured = pages.curves(row.id, [number]).get(number, [])
        left = trial_files(service.settings.artifacts_folder(row.id), number)
        mlflow = service.settings.mlflow_link
        same, trials = pages.repeated(row.id, trial), pages.count(row.id)
        return as_json(trial_detail(row, trial, same, trials, measured, left, mlflow))

    return versioned(service, row, match, ("trial", number), make, tag=etag(row))


@router.get(
    "/studies/{study_id}/search", summary="How its search went",
    response_model=trial_schemas.SearchCourse, responses=openapi.may_answer(304, 401, 403, 404, 429, 503),
)  # fmt: skip
def get_search(service: TheService, caller: Reader, study_id: str, match: Match = None) -> Response:
    """The best so far after each trial, the importance of temperatures and learning rate, and the paths of
    trials whose temperatures change.
    """
    row = service.find(study_id, caller)

    def make() -> bytes:
        return as_json(search_course(row, service.ledger))

    return costly_answer(service, row, match, "search", make)


@router.get(
    "/studies/{study_id}/files", summary="The files of a study",
    response_model=trial_schemas.Files, responses=openapi.may_answer(401, 403, 404, 429, 503),
)  # fmt: skip
def get_files(service: TheService, caller: Reader, study_id: str) -> dict[str, Any]:
    """The report, tables of its trials, its spec, its figures in three formats, and what confirmed trials
    have left: weights, reconstructions.
    """
    row = service.find(study_id, caller)
    found = all_files(service.views.figure_names(row), service.settings.artifacts_folder(row.id))
    return {"items": [file.plain() for file in found], "next": None}


@router.get(
    "/studies/{study_id}/files/{name:path}", summary="A file of a study",
    response_class=Response, responses=openapi.may_answer(304, 401, 403, 404, 429, 503) | openapi.FILE,
)  # fmt: skip
def get_file(
    service: TheService,
    caller: Reader,
    study_id: str,
    name: Annotated[str, Path(max_length=200, description="As GET .../files names it; may have slashes.")],
    match: Match = None,
) -> Response:
    """Made when asked for, and kept until the study changes. To be saved, not shown: Content-Disposition says
    so.
    """
    row = service.find(study_id, caller)
    none = Problem(404, "the study has no such file; GET .../files names those that it has")
    artifacts = service.settings.artifacts_folder(row.id)
    file = file_named(name, lambda: service.views.figure_names(row), artifacts)
    if file is None:
        raise none
    saved_as = f"{row.id}-{name.replace('/', '-')}"
    if file.kind == "trial":
        path = path_of(file, artifacts)
        try:
            status = path.stat()
        except FileNotFoundError:  # the study has been deleted meanwhile
            raise none from None
        return unchanged(match, file_tag(status)) or FileAnswer(path, status, saved_as, file.media_type)

    def make() -> bytes:
        try:
            return made(file, row, service.ledger, service.settings)
        except LedgerError:
            raise
        except UserError as error:  # likewise
            raise none from error

    found = costly_answer(service, row, match, name, make, file.media_type)
    found.headers["Content-Disposition"] = f'attachment; filename="{saved_as}"'
    return found
