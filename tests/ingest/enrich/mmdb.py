"""Small files in MaxMind's format, as its specification has it: https://maxmind.github.io/MaxMind-DB/ (version 2.0).

    written(path, {"1.2.3.0/24": {"country": {"iso_code": "DE"}}}, kind="GeoLite2-Country")

The tree has 24-bit records and IPv4 stands at ::/96, as in MaxMind's own files.
"""

import struct
from ipaddress import ip_network

MARKER = b"\xab\xcd\xefMaxMind.com"
BUILT = 1_793_491_200  # 2026-11-01
_STRING, _DOUBLE, _UINT16, _UINT32, _MAP, _INT32, _UINT64, _ARRAY, _BOOLEAN = 2, 3, 5, 6, 7, 8, 9, 11, 14
_SEPARATOR = bytes(16)


def written(path, networks, *, kind="Test", version=6, built=BUILT):
    """Write the file; returns its path."""
    path.write_bytes(made(networks, kind=kind, version=version, built=built))
    return path


def made(networks, *, kind="Test", version=6, built=BUILT):
    """The bytes of a file that knows these networks."""
    data, offsets = b"", {}
    for network, value in networks.items():
        offsets[network] = len(data)
        data += packed(value)
    nodes = _tree(offsets, version)
    metadata = {
        "node_count": (_UINT32, len(nodes)),
        "record_size": (_UINT16, 24),
        "ip_version": (_UINT16, version),
        "database_type": kind,
        "languages": ["en"],
        "binary_format_major_version": (_UINT16, 2),
        "binary_format_minor_version": (_UINT16, 0),
        "build_epoch": (_UINT64, built),
        "description": {"en": "made for a test"},
    }
    tree = b"".join(_record(each, len(nodes)) for node in nodes for each in node)
    return tree + _SEPARATOR + data + MARKER + packed(metadata)


def packed(value):
    """A value of the data section; a number of a given type is a pair of the two."""
    return _WRITERS[type(value)](value)


def _text(value):
    encoded = value.encode()
    return _control(_STRING, len(encoded)) + encoded


def _map(value):
    return _control(_MAP, len(value)) + b"".join(packed(key) + packed(each) for key, each in value.items())


def _number(kind, value):
    size = max(1, (value.bit_length() + 7) // 8) if value >= 0 else 4
    return _control(kind, size) + value.to_bytes(size, "big", signed=value < 0)


def _control(kind, size):
    extra, rest = (size, b"") if size < 29 else (29, bytes([size - 29]))
    assert size < 285, "sizes of two bytes and more are not written here"
    if kind > 7:
        return bytes([extra, kind - 7]) + rest
    return bytes([kind << 5 | extra]) + rest


def _tree(offsets, version):
    """Nodes of two: another node's number, an offset in the data as ("data", n), or None for nothing known."""
    nodes = [[None, None]]
    for network, offset in sorted(offsets.items(), key=lambda item: ip_network(item[0]).prefixlen):
        parsed = ip_network(network)
        width = 32 if version == 4 else 128
        length = parsed.prefixlen + (96 if version == 6 and parsed.version == 4 else 0)
        bits = f"{int(parsed.network_address):0{width}b}"[:length]
        at = 0
        for bit in map(int, bits[:-1]):
            if not isinstance(nodes[at][bit], int):
                nodes.append([nodes[at][bit]] * 2)
                nodes[at][bit] = len(nodes) - 1
            at = nodes[at][bit]
        nodes[at][int(bits[-1])] = ("data", offset)
    return nodes


def _record(each, count):
    number = count if each is None else each if isinstance(each, int) else count + len(_SEPARATOR) + each[1]
    return number.to_bytes(3, "big")


_WRITERS = {
    tuple: lambda pair: _number(*pair),
    bool: lambda value: _control(_BOOLEAN, int(value)),
    int: lambda value: _number(_INT32 if value < 0 else _UINT32, value),
    float: lambda value: _control(_DOUBLE, 8) + struct.pack(">d", value),
    str: _text,
    list: lambda values: _control(_ARRAY, len(values)) + b"".join(map(packed, values)),
    dict: _map,
}
