"""Which of several holders of a unit takes a case: whoever is at work and has the least to do. Pure."""

from collections.abc import Mapping, Sequence

from services.routing.rules import Post


def least_loaded(posts: Sequence[Post], loads: Mapping[str, int]) -> Post:
    """The post whose holder has the fewest open cases; of several, the first by name."""
    return min(posts, key=lambda post: (loads.get(post.holder_ref or "", 0), post.id))
