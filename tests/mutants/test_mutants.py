"""The mechanics of `make mutants`, on a small tree of their own, and whether its list fits the code as it is."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tools.mutants.__main__ import TREE, main
from tools.mutants.mutation import LISTED, BadMutationError, read

CODE = "def double(number):\n    return number * 2\n"
TESTS = """
import time
from pathlib import Path

from casbah_sample import double


def test_twice():
    assert double(2) == 4


def test_weak():
    assert double(0) == 0


def test_slow():
    while double(1) != 2:
        Path("hangs").touch()
        time.sleep(0.01)
"""
ROW = {
    "name": "a sum for a product",
    "file": "src/casbah_sample.py",
    "text": "number * 2",
    "replacement": "number + 3",
    "tests": ["tests/test_sample.py::test_twice"],
    "why": "it would be wrong",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for file, content in (
        ("src/casbah_sample.py", CODE),
        ("tests/test_sample.py", TESTS),
        ("pytest.ini", "[pytest]\n"),
    ):
        (tmp_path / "tree" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / file).write_text(content)
    return tmp_path / "tree"


def listed(tree: Path, *rows: dict[str, object]) -> Path:
    """A list of mutations: `ROW` with the keys of each row."""
    file = tree.parent / "mutations.toml"
    lines = [[f"{key} = {json.dumps(value)}" for key, value in {**ROW, **row}.items()] for row in rows or ({},)]
    file.write_text("\n".join("\n".join(["[[mutation]]", *row]) for row in lines))
    return file


def run(tree: Path, *rows: dict[str, object], options: tuple[str, ...] = ()) -> tuple[int, dict[str, str]]:
    """The exit status, and the outcome of each mutation."""
    report = tree.parent / "report.json"
    status = main(
        ["--tree", str(tree), "--mutations", str(listed(tree, *rows)), "--json", str(report), "--jobs", "2", *options]
    )
    return status, {result["name"]: result["outcome"] for result in json.loads(report.read_text())}


def test_every_mutation_of_the_list_can_be_applied() -> None:
    mutations = read(LISTED, TREE)
    assert len(mutations) >= 40
    assert all(mutation.why for mutation in mutations)


@pytest.mark.slow
def test_a_mutation_that_the_tests_notice_is_good_and_the_tree_stays_as_it_is(tree: Path) -> None:
    assert run(tree) == (0, {"a sum for a product": "noticed"})
    assert (tree / "src/casbah_sample.py").read_text() == CODE


@pytest.mark.slow
def test_a_survivor_is_reported(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weak = {"name": "weak", "replacement": "number * 3", "tests": ["tests/test_sample.py::test_weak"]}
    assert run(tree, {}, weak) == (1, {"a sum for a product": "noticed", "weak": "survived"})
    told = capsys.readouterr().out
    assert "weak: survived" in told
    assert "+ number * 3" in told
    assert "1 of 2 noticed" in told


@pytest.mark.slow
def test_a_mutation_that_makes_the_tests_hang_is_noticed(tree: Path) -> None:
    slow = {"name": "slow", "tests": ["tests/test_sample.py::test_slow"]}
    assert run(tree, slow, options=("--seconds", "5")) == (0, {"slow": "timed out"})


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interruption_ends_the_tests_and_leaves_no_copy(tree: Path, number: int) -> None:
    folder = tree.parent / "temporary"
    folder.mkdir()
    slow = listed(tree, {"tests": ["tests/test_sample.py::test_slow"]})
    command = [sys.executable, "-m", "tools.mutants", "--tree", str(tree), "--mutations", str(slow)]
    environment = {**os.environ, "TMPDIR": str(folder)}
    output = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=TREE, env=environment, stdout=output, stderr=output) as process:
        end = time.monotonic() + 60
        while not list(folder.glob("casbah-mutant-*/casbah/hangs")):
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(30) != 0
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_what_could_not_be_tested_is_no_success(tree: Path) -> None:
    broken = {"name": "broken", "replacement": "number *"}
    assert run(tree, broken) == (1, {"broken": "could not be tested"})


def test_tests_that_fail_without_a_mutation_prove_nothing(tree: Path) -> None:
    (tree / "src/casbah_sample.py").write_text(CODE + "\n\ndouble = None\n")
    assert run(tree) == (1, {"unmutated": "could not be tested"})


def test_some_can_be_chosen(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ({"name": "the first one"}, {"name": "the second one"})
    assert main(["--tree", str(tree), "--mutations", str(listed(tree, *rows)), "--list", "--only", "second"]) == 0
    assert capsys.readouterr().out.startswith("the second one")
    assert main(["--tree", str(tree), "--mutations", str(listed(tree, *rows)), "--list", "--only", "third"]) == 2


@pytest.mark.parametrize(
    "row, says",
    [
        pytest.param({"text": "number * 3"}, "occurs 0 times", id="text that is not there"),
        pytest.param({"text": "number"}, "occurs 2 times", id="text that is there twice"),
        pytest.param({"file": "src/none.py"}, "there is no file", id="no file"),
        pytest.param({"tests": ["tests/none.py::test_x"]}, "there is no test", id="no test file"),
        pytest.param({"tests": []}, "no test should notice", id="no tests"),
        pytest.param({"replacement": "number * 2"}, "is its text", id="no change"),
        pytest.param({"extra": 1}, "this one has", id="an unknown key"),
    ],
)
def test_a_row_that_cannot_be_applied_is_an_error(
    tree: Path, row: dict[str, object], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadMutationError, match=says):
        read(listed(tree, row), tree)
    assert main(["--tree", str(tree), "--mutations", str(listed(tree, row))]) == 2
    assert says in capsys.readouterr().err


def test_a_name_is_given_once(tree: Path) -> None:
    with pytest.raises(BadMutationError, match="two mutations"):
        read(listed(tree, {}, {}), tree)
