"""Processes of a render on a database that nobody breaks, with routes of an owner's."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.drills.site import SERVE, Site, settings_of_site
from tests.matrix.clusters import PROBES, Cluster
from tests.matrix.environment import Environment
from tests.matrix.renders import Render
from tests.matrix.servers import MAIN, serving

OWNED = "app/api/v1/project.py"


@contextmanager
def running_calm_site(  # noqa: PLR0913 - a place has as many parts
    render: Render,
    environment: Environment,
    cluster: Cluster,
    folder: Path,
    variables: Mapping[str, str],
    *,
    processes: int,
    workers: int,
) -> Iterator[Site]:
    """Run processes of a copy of the render until the block ends."""
    project = folder / "project"
    shutil.copytree(render.path, project)
    shutil.copy(PROBES / "drilled_routes.py", project / OWNED)
    with ExitStack() as stack:
        url = stack.enter_context(cluster.database())
        # By default deadlocks are looked for after a second, too long for hundreds of them.
        name = url.rpartition("/")[2]
        cluster.execute(f"ALTER DATABASE \"{name}\" SET deadlock_timeout = '5ms'")
        settings = {**settings_of_site(url), **variables}
        command = ("-c", MAIN, *SERVE, f"--workers={workers}")
        servers = tuple(
            stack.enter_context(serving(project, environment, *command, variables=settings))
            for _ in range(processes)
        )
        yield Site(kind="jwt", servers=servers, database_url=url)
