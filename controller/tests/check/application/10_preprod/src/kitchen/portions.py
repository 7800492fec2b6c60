"""How much of each ingredient."""


def scaled(grams: dict[str, float], eaters: int) -> dict[str, float]:
    """Scale a recipe for one to many.

    Args:
        grams: What one eater needs.
        eaters: How many there are.

    Returns:
        What all of them need.

    Raises:
        ValueError: Nobody eats.
    """
    if eaters < 1:
        raise ValueError("somebody has to eat")
    return {name: amount * eaters for name, amount in grams.items()}
