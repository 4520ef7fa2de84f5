"""Fixtures that several files use."""

import pytest
import torch


@pytest.fixture(scope="module")
def one_thread():
    """On a busy machine, threads that wait for each other take a hundred times as long as these small products."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
