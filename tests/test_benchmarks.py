"""The benchmarks run, and judge what they find; that their times are good is no test's concern."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from benchmarks.__main__ import BENCHMARKS, verdict
from benchmarks.hashing import HASHER, ON_LOOP, VARIANTS, patch, percentile
from benchmarks.redis import round_trips
from benchmarks.rendering import COPY, START, SWITCH, VERSION, Command, prepare
from benchmarks.results import Ratio, read_baseline, table, write
from tests.matrix.clusters import running_service
from tests.matrix.environment import Environment
from tests.matrix.questions import ROOT
from tests.matrix.renders import Render


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )


def ratio(value: float, least: float | None = None, most: float | None = None) -> Ratio:
    return Ratio("one", "this to that", value, least, most)


@pytest.mark.full
@pytest.mark.xdist_group("live")
def test_quick_run_finds_what_the_baseline_has(tmp_path: Path) -> None:
    output = tmp_path / "ratios.json"
    result = benchmarks("--quick", "--output", str(output))
    assert result.returncode == 0, result.stderr
    assert json.loads(output.read_text()).keys() == read_baseline().keys()


def test_help_names_every_benchmark() -> None:
    result = benchmarks("--help")
    assert result.returncode == 0
    assert all(f"\n  {name} " in result.stdout for name in BENCHMARKS)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["hash"], "there is no benchmark hash"),
        (["--quick", "--record"], "a quick run is no baseline"),
    ],
)
def test_wrong_arguments_are_explained(arguments: list[str], sentence: str) -> None:
    result = benchmarks(*arguments)
    assert result.returncode == 2
    assert sentence in result.stderr


@pytest.mark.parametrize("variant", VARIANTS)
def test_hasher_is_as_the_benchmark_expects(variant: str, starter: Render) -> None:
    source = (starter.path / HASHER).read_text()
    patched = patch(source, VARIANTS[variant])
    compile(patched, HASHER, "exec")
    calls = source.count("to_thread.run_sync(")
    assert calls == source.count("limiter=self") > 0
    assert patched.count("to_thread.run_sync(") == (0 if variant == ON_LOOP else calls)
    assert "limiter=self" not in patched


@pytest.mark.parametrize(
    "source",
    [
        "return self._context.hash(password)",
        "await to_thread.run_sync(hash, password, limiter=self._limiter)\n"
        "await to_thread.run_sync(\n    verify, password, limiter=self._limiter\n)",
    ],
    ids=["none", "one of two"],
)
def test_hasher_that_is_otherwise_is_refused(source: str) -> None:
    with pytest.raises(LookupError, match="adapt the benchmark"):
        patch(source, VARIANTS[ON_LOOP])


@pytest.mark.full
def test_commands_do_what_is_measured(tmp_path: Path) -> None:
    commands = prepare(tmp_path)
    costs = {name: command.cost() for name, command in commands.items()}
    assert 0 < costs[START].processor < min(costs[name].processor for name in (COPY, SWITCH))
    copied, switched, updated = (commands[name].project for name in (COPY, SWITCH, VERSION))
    model = Path("app", "models", "items.py")
    assert [(path / model).exists() for path in (copied, switched, updated)] == [True, False, True]
    news = [(path / "NEXT.md").exists() for path in (copied, switched, updated)]
    assert news == [False, False, True]


def test_command_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="copier copy nowhere"):
        Command(["copy", "nowhere", "new"], tmp_path / "new").cost()


@pytest.mark.xdist_group("live")
def test_commands_of_clients_are_counted_and_those_of_scripts_are_not(
    starter: Render, environment: Environment, tmp_path: Path
) -> None:
    with (
        running_service("valkey", starter.path, environment, tmp_path) as url,
        Redis.from_url(url) as redis,
    ):
        script = redis.register_script("redis.call('INCR', KEYS[1]); return redis.call('TIME')")

        def ask() -> None:
            redis.get("x")
            script(["x"])

        assert round_trips(url, lambda: redis.get("x"), times=3) == 1
        assert round_trips(url, ask, times=3) == 2
        assert round_trips(url, lambda: None, times=3) == 0


def test_percentile() -> None:
    assert percentile([float(number) for number in range(101)], 99) == 99


@pytest.mark.parametrize(
    ("found", "within"),
    [
        (ratio(9), True),
        (ratio(0.2, most=0.2), True),
        (ratio(0.21, most=0.2), False),
        (ratio(0.85, least=0.85, most=1.15), True),
        (ratio(0.84, least=0.85, most=1.15), False),
        (ratio(1.16, least=0.85, most=1.15), False),
    ],
)
def test_limits(found: Ratio, within: bool) -> None:
    assert verdict([ratio(1), found], quick=False) == (0 if within else 1)
    assert ("MISSED" in table([found], {})) is not within
    assert verdict([found], quick=True) == 0


def test_ratios_are_written_beside_those_that_were_not_measured(tmp_path: Path) -> None:
    output = tmp_path / "new" / "ratios.json"
    write(output, [ratio(0.12345)], others={"one": 1, "two": 2})
    assert json.loads(output.read_text()) == {"one": 0.123, "two": 2}
