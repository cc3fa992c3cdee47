"""What holds for all tests."""

from __future__ import annotations

import signal

# A shell that starts pytest in the background has it ignore Ctrl-C, and so the programs that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
