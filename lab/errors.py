"""What can go wrong in the laboratory. One line each: where, what, what to do next.

LabError          exit code 1
├── ScenarioError 2, mend the scenario or its sounds
└── RunError      2, name another folder; or mend what the run needs
"""


class LabError(Exception):
    """The root of the laboratory's errors."""

    exit_code = 1


class ScenarioError(LabError, ValueError):
    """A scenario cannot be read, or says something impossible."""

    exit_code = 2


class RunError(LabError, ValueError):
    """A run, or what is left of one, cannot be used."""

    exit_code = 2
