"""Stands for tests that need credentials."""

import tempfile


def test_a_file_is_kept():
    """What was written can be read."""
    with tempfile.TemporaryFile() as file:
        file.write(b"salt")
        file.seek(0)
        assert file.read() == b"salt"
