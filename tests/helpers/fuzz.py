"""Settings and strategies of the property-based tests of readers."""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from touchline.core.problems import InputError

# 500 examples in CI, other ones in every run; FUZZ_EXAMPLES is another number.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", 500 if os.environ.get("CI") == "true" else 200))
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**20, -(10**400), 2**63])
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["\ud83d", "\x1b[2J", "1e400", "9" * 5000, "²", "\0"])
)
any_json = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=8,
)


def damaged(content: bytes, cut: int, at: int, byte: int) -> bytes:
    """Return a file's content with one byte replaced, and cut to a length (both modulo its own)."""
    if not content:
        return content
    at %= len(content)
    changed = content[:at] + bytes([byte]) + content[at + 1 :]
    return changed[: len(changed) - cut % (len(changed) + 1)]


def outcome(read: Callable[[], Any]) -> tuple[Any, str | None]:
    """Return what a reader returns, and the sentence that it refuses its input in instead."""
    try:
        return read(), None
    except InputError as error:
        return None, str(error)
