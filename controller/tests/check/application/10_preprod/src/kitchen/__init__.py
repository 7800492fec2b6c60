"""A kitchen that scales its recipes."""
