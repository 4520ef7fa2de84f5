"""Routes that read studies: the list, a study, what it has found, its events."""

import re
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.answers import figures
from api.answers.conditional import answer, tag_of
from api.answers.curves import curves
from api.answers.families import with_corrections
from api.answers.so_far import EqualEpochs, brief_trial
from api.answers.versions import found_etag
from api.answers.views import as_json
from api.application import openapi, schemas, trial_schemas
from api.application.dependencies import Cursor, Limit, Match, Reader, TheService, only_this_machine
from api.application.kept_answers import costly_answer, versioned
from api.requests import cursors
from api.requests.callers import name_of, still_welcome
from api.requests.errors import Problem
from api.requests.head import HEAD
from tuner.errors import LedgerError, UserError
from tuner.evidence.analysis import results
from tuner.evidence.example_gains import LossFiles
from tuner.evidence.results import Results, TrialResult
from tuner.ledger.rows import StudyState, TrialState
from tuner.ledger.study_metrics import metrics_of

router = APIRouter(tags=["studies"])


@router.get(
    "/studies", summary="List studies, newest first",
    response_model=schemas.Studies, responses=openapi.may_answer(304, 401, 403, 422, 429, 503),
)  # fmt: skip
def list_studies(
    service: TheService,
    caller: Reader,
    state: StudyState | None = None,
    task: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = None,
    prefix: Annotated[
        str | None, Query(pattern=r"^[0-9a-f]{1,32}$", description="Beginning of the id.")
    ] = None,
    text: Annotated[
        str | None, Query(max_length=100, description="In its name, id, task, dataset, tags or comment.")
    ] = None,
    correct: Annotated[
        Literal["holm"] | None,
        Query(description="Take the page's studies for one family: `correction` says what remains of each."),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    match: Match = None,
) -> Response:
    """A page of the studies that the key may see."""
    after = None
    if cursor is not None:
        when, last_id = cursors.decoded(cursor, 2)
        after = (cursors.time(when), last_id)
    page = service.pages.page(
        limit + 1, after=after, state=state, task=task, prefix=prefix, text=text, owner=caller.sees
    )
    last = page[limit - 1] if len(page) > limit else None
    following = cursors.encoded(last.created_at.isoformat(), last.study_id) if last else None
    lines = service.views.listed(page[:limit])
    items = b",".join(with_corrections(lines, service.views) if correct else lines)
    content = b'{"items":[' + items + b'],"next":' + as_json(following) + b"}"
    return answer(match, tag_of(content), lambda: content)


@router.get(
    "/studies/{study_id:study}", summary="A study: spec, state, progress, links",
    response_model=schemas.Study,
    responses=openapi.may_answer(304, 401, 403, 404, 429, 503),
)  # fmt: skip
def get_study(
    service: TheService, caller: Reader, request: Request, study_id: str, match: Match = None
) -> Response:
    """Cheap to poll with If-None-Match; or follow its events."""
    row = service.find(study_id, caller)
    make = lambda: as_json(service.views.study(row))  # noqa: E731
    found = versioned(service, row, match, "study", make, tag=service.views.version(row))
    if service.dashboard is not None:
        service.dashboard.give_pass(found, caller, request)
    return found


@router.get(
    "/studies/{study_id}/results", summary="What a study has found so far",
    response_model=Results, responses=openapi.may_answer(304, 401, 403, 404, 429, 503),
)  # fmt: skip
def get_results(service: TheService, caller: Reader, study_id: str, match: Match = None) -> Response:
    """The best of every method, the gain and its confidence interval, the verdict, the landscape. Partial
    while it runs.
    """
    row = service.find(study_id, caller)

    def make() -> bytes:
        trials, measured = service.ledger.trials(row.id), service.measured.of(row.id)
        losses = LossFiles(service.settings.artifacts_folder(row.id))
        found = results(row, trials, measured, metrics=metrics_of(row), losses=losses)
        return as_json(found.plain())

    return costly_answer(service, row, match, "results", make)


@router.get(
    "/studies/{study_id}/trials", summary="The trials of a study",
    response_model=trial_schemas.Trials, responses=openapi.may_answer(304, 401, 403, 404, 422, 429, 503),
)  # fmt: skip
def get_trials(
    service: TheService,
    caller: Reader,
    study_id: str,
    state: TrialState | None = None,
    brief: Annotated[
        bool, Query(description="Mean and standard error only; of running trials too, as last reported.")
    ] = False,
    limit: Limit = 200,
    cursor: Cursor = None,
    match: Match = None,
) -> Response:
    """A page of trials by number: configuration, state, the objective with its values per seed, the other
    metrics.
    """
    row = service.find(study_id, caller)
    after = -1
    if cursor is not None:
        (number,) = cursors.decoded(cursor, 1)
        if not re.fullmatch(r"[0-9]{1,9}", number):
            raise cursors.not_a_cursor()
        after = int(number)

    def make() -> bytes:
        trials = service.pages.trials(row.id, limit + 1, after=after, state=state)
        following = cursors.encoded(str(trials[limit - 1].number)) if len(trials) > limit else None
        if not brief:
            return as_json({"items": [TrialResult.of(t).plain() for t in trials[:limit]], "next": following})
        equal = EqualEpochs(row, service.views.intervals(row), service.pages)
        items = [brief_trial(row.objective.name, t, equal) for t in trials[:limit]]
        return as_json({"items": items, "next": following, "compared_at": equal.epoch})

    return versioned(service, row, match, ("trials", state, brief, limit, after), make)


@router.get(
    "/studies/{study_id}/curves", summary="Learning curves of the best of each method",
    response_model=trial_schemas.Curves, responses=openapi.may_answer(304, 401, 403, 404, 429, 503),
)  # fmt: skip
def get_curves(service: TheService, caller: Reader, study_id: str, match: Match = None) -> Response:
    """The objective over the epochs, mean and standard error over the seeds; of running trials too."""
    row = service.find(study_id, caller)
    make = lambda: as_json(curves(row, service.ledger, service.pages))  # noqa: E731
    return costly_answer(service, row, match, "curves", make)


@router.get(
    "/studies/{study_id}/figures/{name}.png", summary="A figure, as the report draws it",
    response_class=Response, responses=openapi.may_answer(304, 401, 403, 404, 429, 503) | openapi.PICTURE,
)  # fmt: skip
def get_figure(
    service: TheService, caller: Reader, study_id: str, name: str, match: Match = None
) -> Response:
    """landscape, curves, ...: drawn when asked for, and kept until the study changes."""
    row = service.find(study_id, caller)

    none = Problem(404, "the study has no such figure, or no data for it yet", headers={"Retry-After": "10"})

    def draw() -> bytes:
        try:
            return figures.draw(row, service.ledger, service.settings, name)
        except LedgerError:
            raise
        except UserError as error:  # the study has been deleted meanwhile
            raise none from error

    def make() -> bytes:
        if name not in service.views.figure_names(row):  # anybody may ask for any name: none is kept
            raise none
        return service.costly.once(service.drawings, (row.id, name), found_etag(row), draw)

    return answer(match, found_etag(row), make, "image/png")


@router.get(
    "/studies/{study_id}/events", summary="State and progress as they change",
    response_class=StreamingResponse, responses=openapi.may_answer(401, 403, 404, 429, 503) | openapi.EVENTS,
)  # fmt: skip
async def get_events(service: TheService, caller: Reader, study_id: str, request: Request) -> Response:
    """Server-sent events: `progress` with state and progress at every change, then `done` when the study has
    ended. The stream of a key that is revoked ends.
    """
    row = await run_in_threadpool(service.find, study_id, caller)
    if request.scope.get(HEAD):
        return Response(media_type="text/event-stream")
    local = only_this_machine(service, request)
    welcome = lambda: still_welcome(service.keys, caller, local=local)  # noqa: E731
    events = service.events.follow(row.id, (caller.id, local), welcome)
    return service.streams.response(events, name_of(caller, request))
