"""Each preset, running."""


def test_items_over_http() -> None:
    """Replaced as soon as the template runs."""
