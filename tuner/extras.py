"""Which extra of the package provides a module that is missing: without extras the package needs torch and
numpy only.
"""

_PACKAGE = "straight-through-tuner"
_SERVE = {"fastapi", "fastapi_offline", "httpx", "httpx_sse", "prometheus_client", "starlette", "uvicorn"}
_TUNE = {
    "alembic", "click", "cloudpickle", "jinja2", "matplotlib", "mlflow", "optuna", "pandas", "psutil",
    "psycopg", "pyarrow", "pydantic", "pydantic_settings", "ray", "scipy", "sklearn", "sqlalchemy",
    "tenacity", "torchvision", "tqdm", "yaml",
}  # fmt: skip
_EXTRAS = {"tune": _TUNE, "serve": _SERVE, "cluster": {"boto3"}}


def extra_of(error: ModuleNotFoundError) -> str | None:
    """The extra that brings what was not found; None for what none of them brings."""
    module = (error.name or "").partition(".")[0]
    return next((extra for extra, modules in _EXTRAS.items() if module in modules), None)


def sentence(what: str, error: ModuleNotFoundError) -> str | None:
    """What to install for something that needs more than is there; None where no extra brings it."""
    extra = extra_of(error)
    if extra is None:
        return None
    return f"{what} needs the extra {extra} ({error.name} is missing): pip install '{_PACKAGE}[{extra}]'"
