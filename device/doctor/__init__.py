"""What is wrong with this speaker, if anything, and what to do about it: one line a check.

It publishes nothing, keeps no sound (only how loud it was), makes no key and mends nothing. Read `examine`
first: it is the list. `together` is for somebody who stands beside the board.
"""

from device.doctor.examine import examine
from device.doctor.finding import Finding
from device.doctor.show import as_json, as_lines
from device.doctor.together import Person, together

__all__ = ["Finding", "Person", "as_json", "as_lines", "examine", "together"]
