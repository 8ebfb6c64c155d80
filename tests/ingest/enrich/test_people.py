import json
import re
from pathlib import Path

import pytest

from casbah.errors import BadSettingError
from casbah.ingest.enrich.people import People, Person

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CSV = """\ufeffUser,Groups,OrgUnit,Note
gradya@contoso.com,admins; staff ;,Sales/EMEA,x
"Adele, V.",,Sales,
jonis,staff,,"two
lines"

jonis,"interns;staff",Legal,
"""
SCIM = {
    "totalResults": 3,
    "Resources": [
        {
            "userName": "gradya",
            "emails": [{"value": "GradyA@contoso.com", "type": "work"}, {"value": "grady@contoso.com"}],
            "groups": [{"value": "5f01dbbc68df27c17aa6ca81", "display": "Admins"}, {"display": "Staff"}],
            "orgUnit": "Sales/EMEA",
        },
        {"userName": "jonis", ENTERPRISE: {"department": "Legal"}, "groups": ["staff"]},
        {"emails": ["adele@contoso.com"], "groups": None},
    ],
}


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # A long path is cut in messages.

    def to(name, content):
        path = Path(name)
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return path

    return to


IN_CSV = [
    pytest.param("gradya@contoso.com", Person(("admins", "staff"), "Sales/EMEA"), id="groups and unit"),
    pytest.param(" GradyA@Contoso.COM ", Person(("admins", "staff"), "Sales/EMEA"), id="in another case"),
    pytest.param("Adele, V.", Person((), "Sales"), id="a unit alone, and a name in quotes"),
    pytest.param("jonis", Person(("staff", "interns"), "Legal"), id="groups of several rows"),
    pytest.param("nobody", None, id="nobody"),
    pytest.param("", None, id="no name"),
]
IN_JSON = [
    pytest.param("gradya", Person(("5f01dbbc68df27c17aa6ca81", "Staff"), "Sales/EMEA"), id="by name"),
    pytest.param("gradya@CONTOSO.com", Person(("5f01dbbc68df27c17aa6ca81", "Staff"), "Sales/EMEA"), id="by an address"),
    pytest.param(
        "grady@contoso.com", Person(("5f01dbbc68df27c17aa6ca81", "Staff"), "Sales/EMEA"), id="by another address"
    ),
    pytest.param("jonis", Person(("staff",), "Legal"), id="the department is the unit"),
    pytest.param("adele@contoso.com", Person(), id="an address alone"),
]


@pytest.mark.parametrize("name, expected", IN_CSV)
def test_people_in_csv(written, name, expected):
    people = People(written("people.csv", CSV))
    assert (people.of(name), people.origin, len(people)) == (expected, "people.csv", 3)


@pytest.mark.parametrize("name, expected", IN_JSON)
def test_people_in_json(written, name, expected):
    assert People(written("people.json", SCIM)).of(name) == expected


@pytest.mark.parametrize("content", [SCIM["Resources"], {"Users": SCIM["Resources"]}], ids=["a list", "under Users"])
def test_people_in_a_list_whatever_the_file_is_called(written, content):
    assert People(written("people.txt", content)).of("jonis") == Person(("staff",), "Legal")


BAD = [
    pytest.param("a.csv", "user,groups\nx,a\n,b\n", "line 3: the user is empty", id="no user"),
    pytest.param("a.csv", 'user,groups\n"x\ny",a\nz\n', "line 4: 1 values for 2 columns", id="a row too short, after one of two lines"),
    pytest.param("a.csv", "user,groups\nx,a,b\n", "line 2: 3 values for 2 columns", id="a row too long"),
    pytest.param("a.csv", "user,orgUnit\nx,Sales\nX,Legal\n", "line 3: X is in 'Sales' already, and cannot be in 'Legal' too", id="two units"),
    pytest.param("a.csv", "name,groups\nx,a\n", "line 1: the columns are name, groups", id="columns of other names"),
    pytest.param("a.csv", "user,manager\nx,a\n", "line 1: the columns are user, manager", id="nothing to say of a user"),
    pytest.param("a.csv", "", "line 1: the columns are missing", id="an empty file"),
    pytest.param("a.csv", "user,groups\n" + ",x\n" * 9, "line 6: the user is empty and 4 more", id="many bad rows"),
    pytest.param("a.csv", 'user,groups\n"x,a\n', "unexpected end of data", id="a quote without an end"),
    pytest.param("a.json", [{"userName": "x"}, {"groups": []}], "user 2: it has neither a userName nor an e-mail address", id="a user without a name"),
    pytest.param("a.json", [{"userName": "x"}, {"userName": "y", "emails": ["X"]}], "user 2: X is user 1 already", id="two users of one name"),
    pytest.param("a.json", [{"userName": 7}], "user 1: userName is 7, not a text", id="a name that is a number"),
    pytest.param("a.json", [{"userName": "x", "groups": "admins"}], "user 1: groups is not a list", id="groups that are no list"),
    pytest.param("a.json", [{"userName": "x", "groups": [{"value": 7}]}], "user 1: groups is 7, not a text", id="a group that is a number"),
    pytest.param("a.json", ["x"], "user 1: it is not an object", id="a user that is no object"),
    pytest.param("a.json", {"Groups": []}, "no list of users under Resources, Users, users", id="no users at all"),
    pytest.param("a.json", '[{"userName": "x"}', "not JSON: ", id="JSON that breaks off"),
]  # fmt: skip


@pytest.mark.parametrize("name, content, said", BAD)
def test_a_bad_file_is_refused_and_the_row_named(written, name, content, said):
    with pytest.raises(
        BadSettingError, match=rf"^setting CASBAH_PEOPLE: expected a CSV file .*{re.escape(said)}.*{name}'$"
    ):
        People(written(name, content), setting="CASBAH_PEOPLE")


def test_a_missing_file_and_one_that_is_no_text_are_refused(tmp_path):
    path = tmp_path / "people.csv"
    with pytest.raises(BadSettingError, match="No such file"):
        People(path)
    path.write_bytes(b"user,groups\n\xff,a\n")
    with pytest.raises(BadSettingError, match="can't decode"):
        People(path)
