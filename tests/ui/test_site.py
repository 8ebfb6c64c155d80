"""What serves the pages, and what their files hold, without a browser."""

import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import httpx
import pytest

from casbah.activity.language import FILTERS
from casbah.ui.site import ASSETS, ENTITIES, VIEWS

STATIC = files("casbah.ui") / "static"
TEXTS = {each.name: each.read_text("utf-8") for each in STATIC.iterdir()}
SCRIPTS = sorted(name for name in TEXTS if name.endswith(".js"))


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    from scenarios.server import serving  # noqa: PLC0415  the other tests need no server

    with serving(tmp_path_factory.mktemp("site")) as (url, _), httpx.Client(base_url=url, trust_env=False) as client:
        yield client


@pytest.mark.parametrize(
    "path",
    [
        *VIEWS,
        *(f"{view}/" for view in VIEWS if view != "/"),
        *(f"{path}a%2Fb" for path in ENTITIES),
        "/?filters=%7B%7D",
    ],
)
def test_every_view_is_the_page(ask, path):
    answer = ask.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == TEXTS["index.html"]


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "index.html"])
def test_every_file_is_served_and_not_sent_twice(ask, name):
    answer = ask.get(f"{ASSETS}{name}")
    assert (answer.status_code, answer.text) == (200, TEXTS[name])
    again = ask.get(f"{ASSETS}{name}", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = ask.head(f"{ASSETS}{name}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(TEXTS[name].encode()))


@pytest.mark.parametrize("path", ["/", "/ui/main.js", "/ui/casbah.css"])
def test_the_policy_is_strict(ask, path):
    headers = ask.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert "unsafe" not in headers["content-security-policy"]
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src", "img-src", "form-action")} == {"'self'"}
    assert policy["require-trusted-types-for"] == "'script'"
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


@pytest.mark.parametrize(
    "path", ["/ui/", "/ui/nothing.js", "/ui/../site.py", "/ui/%2e%2e/site.py", "/ui/index.html", *ENTITIES]
)
def test_nothing_else_is_served(ask, path):
    assert ask.get(path).status_code == 404


def test_a_page_takes_no_other_method(ask):
    answer = ask.post("/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json() == {"detail": 'Method "POST" not allowed.'}


def test_no_file_names_another_host():
    for name, text in TEXTS.items():
        addresses = set(re.findall(r"https?://[^\s\"'`)>]+", text)) - {"http://www.w3.org/2000/svg"}
        assert addresses == set(), name


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_markup_or_code_of_text(name):
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", TEXTS[name])


def test_the_page_holds_no_script_and_no_style():
    assert not re.search(r"<style|\bstyle=|\son[a-z]+=|<script(?![^>]*\bsrc=)", TEXTS["index.html"])


def test_the_scripts_stay_small():
    """Without a build step a browser loads them as they are."""
    assert sum(len(TEXTS[name].encode()) for name in SCRIPTS) <= 150_000


def test_every_template_is_used():
    templates = re.findall(r'<template id="([a-z-]+)">', TEXTS["index.html"])
    assert len(set(templates)) == len(templates) == TEXTS["index.html"].count("<template")
    code = "".join(TEXTS[name] for name in SCRIPTS)
    named, used = (set(re.findall(names, code)) for names in (r'"([a-z-]+)"', r'\btemplate\("([a-z-]+)"\)'))
    assert used <= set(templates) <= named


def test_no_two_modules_of_tests_use_one_app() -> None:
    """They share a store, so each would count the activities of the other, if that ran first."""
    texts = [file.read_text("utf-8") for file in sorted(Path(__file__).parent.glob("test_*.py"))]
    apps = [app for text in texts for app in re.findall(r"^APP = (\w+)$", text, re.MULTILINE)]
    assert len(apps) > 1
    assert [app for app, count in Counter(apps).items() if count > 1] == []


def test_every_module_is_loaded_at_once():
    preloaded = set(re.findall(r'modulepreload" href="/ui/([a-z]+\.js)"', TEXTS["index.html"]))
    assert preloaded == set(SCRIPTS) - {"main.js"}
    imported = {found for name in SCRIPTS for found in re.findall(r'from "\./([a-z]+\.js)"', TEXTS[name])}
    assert imported == preloaded


@pytest.mark.parametrize("name", ["language.js", "editor.js", "facets.js", "filters.js"])
def test_filters_come_from_the_server(name):
    """Names of one lower-case word are left out: they are also kinds of fields, or words of the code."""
    distinctive = {name for name in FILTERS if not (name.isalpha() and name.islower())}
    assert {filter_name for filter_name in distinctive if f'"{filter_name}"' in TEXTS[name]} == set()
