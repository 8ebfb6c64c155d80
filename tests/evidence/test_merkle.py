"""The tree agrees with RFC 6962, computed here as the RFC defines it, from the leaves alone."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from casbah.evidence import merkle


def naive_root(leaves):
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    middle = largest_power_below(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:middle]) + naive_root(leaves[middle:])).digest()


def naive_path(index, leaves):
    if len(leaves) == 1:
        return []
    middle = largest_power_below(len(leaves))
    if index < middle:
        return [*naive_path(index, leaves[:middle]), naive_root(leaves[middle:])]
    return [*naive_path(index - middle, leaves[middle:]), naive_root(leaves[:middle])]


def naive_proof(older, leaves, *, whole=True):
    if older == len(leaves):
        return [] if whole else [naive_root(leaves)]
    middle = largest_power_below(len(leaves))
    if older <= middle:
        return [*naive_proof(older, leaves[:middle], whole=whole), naive_root(leaves[middle:])]
    return [*naive_proof(older - middle, leaves[middle:], whole=False), naive_root(leaves[:middle])]


def largest_power_below(size):
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def tiled(leaves):
    """The rows of full subtrees, as a log keeps them."""
    rows = [[merkle.leaf_hash(leaf) for leaf in leaves]]
    while len(rows[-1]) >= merkle.WIDTH:
        last = rows[-1]
        full = range(0, len(last) - merkle.WIDTH + 1, merkle.WIDTH)
        rows.append([merkle.tree_hash(last[start : start + merkle.WIDTH]) for start in full])

    def read(row, start, end):
        found = rows[row][start:end]
        assert len(found) == end - start, "a hash that no log of this size keeps"
        return found

    return read


LEAVES = [b"leaf %d" % number for number in range(70_000)]
SIZES = st.one_of(st.integers(1, 20), st.sampled_from([255, 256, 257, 511, 512, 513, 769]), st.integers(1, 3_000))


@given(SIZES, st.data())
def test_roots_and_proofs(size, data):
    leaves = LEAVES[:size]
    rows = tiled(leaves)
    index, older = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    assert merkle.root(rows, size) == naive_root(leaves)
    path = merkle.inclusion(rows, index, size)
    assert path == naive_path(index, leaves)
    assert merkle.root_of(path, index, size, rows(0, index, index + 1)[0]) == naive_root(leaves)
    assert merkle.consistency(rows, older, size) == naive_proof(older, leaves)
    assert merkle.root(rows, older) == naive_root(leaves[:older])


def test_a_tree_of_three_rows():
    rows = tiled(LEAVES)
    assert merkle.root(rows, len(LEAVES)) == naive_root(LEAVES)
    for index in (0, 65_535, 65_536, 69_999):
        assert merkle.inclusion(rows, index, len(LEAVES)) == naive_path(index, LEAVES)


def test_an_empty_tree():
    assert merkle.root(tiled([]), 0) == sha256().digest()


def test_the_paths_of_tiles():
    assert [merkle.tile_path(0, number) for number in (0, 999, 1_000, 1_234_067)] == [
        "0/000",
        "0/999",
        "0/x001/000",
        "0/x001/x234/067",
    ]
    assert merkle.tile_path("entries", 3, 7) == "entries/003.p/7"
