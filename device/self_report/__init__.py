"""What can leave this speaker, to whom, and what comes in: made from the settings and the code that does it.

Read `leaving` first. It describes and never speaks: no socket is opened, no key is made, no file is written.
"""

from device.self_report.fields import Field, names
from device.self_report.report import Report, report
from device.self_report.show import as_json, as_lines

__all__ = ["Field", "Report", "as_json", "as_lines", "names", "report"]
