"""The hooks that build the site: links between site and repository, the API's pages, and that nothing is
loaded from other hosts.
"""

from importlib.util import module_from_spec, spec_from_file_location
from types import SimpleNamespace

import pytest
from mkdocs.exceptions import PluginError

from tests.support.markdown import DOCS
from tests.support.paths import ROOT


def hook(name):
    spec = spec_from_file_location(name, DOCS / "hooks" / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(uri, source=None):
    return SimpleNamespace(file=SimpleNamespace(src_uri=uri, abs_src_path=str(source or DOCS / uri)))


@pytest.mark.parametrize(
    ("where", "written", "turned"),
    [
        (page("index.md"), "[t](tutorial.md)", "[t](tutorial.md)"),
        (page("how-to/serve.md"), "[d](../../deploy/README.md#compose)", "[d](../deploy/README.md#compose)"),
        (page("how-to/serve.md"), "[c](../../CONTRIBUTING.md)", "[c](../CONTRIBUTING.md)"),
        (
            page("CONTRIBUTING.md", ROOT / "CONTRIBUTING.md"),
            "[d](docs/tutorial.md#run-it)",
            "[d](tutorial.md#run-it)",
        ),
        (page("how-to/own-task.md"), "see [the file](../../trainables/layers.py)!", "see the file!"),
        (page("index.md"), "![p](images/page.png)", "![p](images/page.png)"),
        (
            page("index.md"),
            "[a](https://example.org/x.md) [b](#here)",
            "[a](https://example.org/x.md) [b](#here)",
        ),
    ],
)
def test_links_are_turned_for_the_site(where, written, turned):
    assert hook("repository").on_page_markdown(written, where) == turned


def test_a_link_to_nothing_ends_the_build():
    with pytest.raises(PluginError, match=r"docs/index\.md: there is no file nowhere\.md"):
        hook("repository").on_page_markdown("[x](nowhere.md)", page("index.md"))


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        "<link rel=stylesheet href=//fonts.example.org/css>",
        '<p><img alt="" src="http://example.org/i.png">',
    ],
)
def test_a_page_that_would_load_something_ends_the_build(html):
    with pytest.raises(PluginError, match=r"index\.md would load .*example\.org/"):
        hook("offline").on_post_page(html, page("index.md"))


def test_a_page_may_link_elsewhere_and_load_its_own():
    html = '<a href="https://example.org">x</a><script src="../assets/x.js"></script><svg xmlns="http://www.w3.org">'
    assert hook("offline").on_post_page(html, page("index.md")) == html


DESCRIPTION = {
    "paths": {
        "/things/{thing}": {
            "get": {
                "summary": "A thing",
                "description": "All of\nit.",
                "parameters": [
                    {
                        "name": "limit",
                        "in": "query",
                        "schema": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    }
                ],
                "responses": {
                    "200": {
                        "description": "Successful Response",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    },
                    "404": {"description": "Not there."},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Thing": {
                "description": "Of a kind.",
                "properties": {
                    "kind": {"enum": ["a", "b"], "description": "mean[i] | sem"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
                },
            },
            "Part": {"properties": {"sizes": {"type": "object", "additionalProperties": {"type": "number"}}}},
            "Unreached": {"properties": {}},
        }
    },
}


def test_routes_are_described_as_the_service_describes_them():
    text = "\n".join(hook("openapi").routes(DESCRIPTION))
    assert "### `GET /things/{thing}`" in text
    assert "**A thing.** All of it." in text
    assert "| `limit` | query | integer or null |  |" in text
    assert "| 200 | [Thing](#thing) |  |" in text
    assert "| 404 |  | Not there. |" in text


def test_shapes_are_those_that_answers_have():
    text = "\n".join(hook("openapi").shapes(DESCRIPTION))
    assert "### Thing" in text
    assert r"| `kind` | `a`, `b` | mean\[i\] \| sem |" in text
    assert "| `parts` | list of [Part](#part) |  |" in text
    assert "| `sizes` | object of number |  |" in text
    assert "Unreached" not in text


def test_the_services_own_description_fills_the_page():
    made = hook("openapi").on_page_markdown((DOCS / "reference" / "api.md").read_text(encoding="utf-8"))
    assert "<!-- openapi" not in made
    for route in (
        "### `POST /studies`",
        "### `GET /studies/{study_id}/events`",
        "### Results",
        "### ProblemDetails",
    ):
        assert route in made
