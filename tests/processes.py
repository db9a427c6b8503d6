"""Where tests start processes of their own: forked from one that has imported what they need.

To import it anew takes a second of each, longer than most of them live.
"""

import multiprocessing

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.delivery_process", "tests.ledger.planned"])
