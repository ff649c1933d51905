"""Files in bbolt's format, and trees to put into them."""

from hypothesis import strategies as st

KEYS = st.binary(min_size=1, max_size=300)
VALUES = st.binary(max_size=9000)
TREES = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=12),
    lambda trees: st.dictionaries(KEYS, st.one_of(VALUES, trees), max_size=8),
    max_leaves=12,
)
