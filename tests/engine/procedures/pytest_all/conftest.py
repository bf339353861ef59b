import logging
import os
from pathlib import Path

import pytest


@pytest.fixture
def supply():
    """An instrument that says what happens to it."""
    proof = Path(os.environ["PROOF"], "supply")
    proof.write_text("on")
    yield 5.01
    logging.getLogger("supply").info("switched off")
    proof.write_text("off")


@pytest.fixture
def broken():
    raise OSError("no answer from the load")


@pytest.fixture
def stuck():
    yield
    raise OSError("the relay is stuck")
