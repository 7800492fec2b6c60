"""What the kitchen promises."""

import pytest

from kitchen.portions import scaled


def test_everybody_gets_the_same():
    """Four eat four times as much."""
    assert scaled({"flour": 50.0}, 4) == {"flour": 200.0}


def test_nobody_cooks_for_nobody():
    """A recipe for nobody is a mistake."""
    with pytest.raises(ValueError):
        scaled({}, 0)
