"""The order in which the files of the tests are run, so that two workers of pytest are busy until the end.

Two files that start whole stacks at the same time slow each other down on two cores. So one worker should run
such a file while the other runs quick tests. pytest-xdist gives a worker that has finished the next file of
one list. This list is sorted by the time at which each file would begin if one worker ran all stacks and the
other all the rest, which comes close to that. The long files of either kind are first, so that only short
ones are left for the end.
"""

from collections.abc import Mapping

# Seconds of the files that take long, on two quiet cores with one worker of pytest. They need not be exact:
# what matters is that the long ones are here.
SECONDS = {
    "tests/api/test_page_mlflow.py": 40,
    "tests/api/test_page_screens.py": 30,
    "tests/api/test_page_study.py": 20,
    "tests/api/test_service.py": 135,
    "tests/docs/test_examples.py": 105,
    "tests/examples/test_examples.py": 40,
    "tests/trainables/test_blocks.py": 40,
    "tests/trainables/test_modules.py": 30,
    "tests/trainables/test_step_is_device_ready.py": 30,
    "tests/tuner/driver/test_full_disk.py": 30,
    "tests/tuner/driver/test_killed_study.py": 110,
    "tests/tuner/driver/test_own_task.py": 30,
    "tests/tuner/driver/test_plugin.py": 35,
    "tests/tuner/driver/test_rungs.py": 30,
    "tests/tuner/driver/test_study.py": 130,
    "tests/tuner/interface/test_search.py": 45,
    "tests/tuner/strategies/test_contract.py": 20,
}
OF_A_TEST = 0.05  # seconds, in the other files


def in_order(tests: Mapping[str, int], stacks: set[str]) -> list[str]:
    """The files in the order in which they are to be given to workers.

    Args:
        tests: how many tests each file has.
        stacks: the files among them that start whole stacks.
    """
    seconds = {file: SECONDS.get(file, OF_A_TEST * count) for file, count in tests.items()}
    begins = {}
    for lane in (stacks, tests.keys() - stacks):
        before = 0.0
        for file in sorted(lane, key=lambda file: (-seconds[file], file)):
            begins[file] = before
            before += seconds[file]
    # Of two that would begin at once, the stack is first.
    return sorted(tests, key=lambda file: (begins[file], file not in stacks, file))
