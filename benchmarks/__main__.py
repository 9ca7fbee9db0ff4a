"""Measure the speed of rendering and of a render, and compare it with what is promised."""

import argparse
import logging
import signal
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from benchmarks import enumeration, hashing, mail, redis, rendering, requests
from benchmarks.backend import running_backend
from benchmarks.results import BASELINE, Ratio, read_baseline, table, write
from tests.matrix.questions import ROOT

RESULTS = ROOT / "build" / "benchmarks.json"
ON_A_BACKEND = {
    "hashing": hashing,
    "enumeration": enumeration,
    "requests": requests,
    "redis": redis,
}
ALONE = {"rendering": rendering, "mail": mail}
BENCHMARKS = {**ALONE, **ON_A_BACKEND}


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 1 if a limit is missed."""
    options = _parse(arguments)
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("benchmarks").setLevel(logging.INFO)
    # A shell makes what it runs in the background ignore Ctrl-C, and so would every server.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    ratios = list(_measure(options.benchmarks or BENCHMARKS, quick=options.quick))
    baseline = read_baseline()
    write(options.output, ratios)
    if options.record:
        write(BASELINE, ratios, others=baseline)
    sys.stdout.write(f"\n{table(ratios, baseline)}\n")
    return verdict(ratios, quick=options.quick)


def _measure(names: Collection[str], *, quick: bool) -> Iterator[Ratio]:
    """Start a backend only if it is needed."""
    for name, benchmark in ALONE.items():
        if name in names:
            yield from benchmark.run(quick=quick)
    if served := [name for name in names if name in ON_A_BACKEND]:
        with running_backend() as backend:
            for name in served:
                yield from ON_A_BACKEND[name].run(backend, quick=quick)


def verdict(ratios: Sequence[Ratio], *, quick: bool) -> int:
    """Return the exit status: a quick run shows that all works, and judges nothing."""
    return int(not quick and not all(ratio.is_within_limits for ratio in ratios))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(arguments)
    if unknown := set(options.benchmarks) - BENCHMARKS.keys():
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    if options.quick and options.record:
        parser.error("a quick run is no baseline")
    return options


def _parser() -> argparse.ArgumentParser:
    sentences = [
        f"{name:13}{(module.__doc__ or '').splitlines()[0]}" for name, module in BENCHMARKS.items()
    ]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog="\n".join(["benchmarks:", *(f"  {sentence}" for sentence in sentences)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "benchmarks",
        nargs="*",
        metavar="BENCHMARK",
        help="which to run (all, unless some are named)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="a few samples, to see that all works; no limit counts"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=RESULTS,
        metavar="FILE",
        help="where the ratios are written, by default below build",
    )
    parser.add_argument(
        "--record", action="store_true", help="make the ratios that are found the baseline"
    )
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
