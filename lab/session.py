"""One simulated run from the command line: play it, show it, judge it, write the report."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from lab.evidence import Evidence
from lab.report import write_report
from lab.scenario import read
from lab.show import Show, summary, tables
from lab.simulate import Around, BrokerKind, simulate
from lab.verdicts import judge


def run(
    path: Path, directory: Path, *, realtime: bool, broker_kind: BrokerKind, captured: bool = False
) -> int:
    """Run the scenario at `path`; return 0 if every expectation holds, else 1.

    Raises:
        LabError and the errors of what it runs: something cannot be used.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=112)
    scenario = read(path)
    console.print(f"[bold]{escape(scenario.title)}[/]", highlight=False)
    show = Show(console)
    around = Around(captured=captured)
    outcome = simulate(
        scenario, directory, realtime=realtime, broker_kind=broker_kind, watch=show, around=around
    )
    show.flush()
    verdicts = judge(outcome)
    evidence = Evidence(outcome)
    tables(console, evidence, verdicts)
    report = write_report(directory, scenario.title, verdicts, summary(evidence))
    console.print(f"report: {report}", highlight=False, soft_wrap=True)
    return 0 if all(verdict.passed for verdict in verdicts) else 1
