"""The report of one run: a single page that shows, on one time axis, what was heard, kept and sent.

It reads what the laboratory wrote down and never opens an envelope: the audio it draws is the room's,
recorded by the laboratory in front of the speaker. Read `page.write_report` first.
"""

from lab.report.check import Fault, check
from lab.report.errors import ReportError
from lab.report.page import write_report
from lab.report.tables import Row, Verdict

__all__ = ["Fault", "ReportError", "Row", "Verdict", "check", "write_report"]
