"""Archives and compressed files on the command line: tar and Zstandard, whole, damaged and in each other."""

import bz2
import gzip
import io
import json
import lzma
import os
import random
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard

from casbah.ingest import counted
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Recognized, Refusal
from casbah.ingest.decompress import InputLimits
from casbah.ingest.detection import Detector
from casbah.ingest.event_pages import pages

KNOWN = Detector(connectors())
A, B = (
    json.dumps({"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventID": name}).encode() for name in "AB"
)
LINES = A + b"\n" + B + b"\n"
BLOCK = 512


def tarred(members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
        for name, body in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(body)
            archive.addfile(header, io.BytesIO(body))
    return packed.getvalue()


def zipped(name: str, body: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, body)
    return packed.getvalue()


def zst(body: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(body)


def differing(count: int) -> bytes:
    """Events that hardly compress, the same in every run."""
    chance = random.Random(1)
    return b"".join(
        json.dumps({**json.loads(A), "x": chance.randbytes(40).hex()}).encode() + b"\n" for _ in range(count)
    )


def contents(file: Path, body: bytes, **options: InputLimits) -> list[tuple[str, list[str]]]:
    """Each page of a file with that body: its name, and its events' ids or the reasons of refusals."""
    file.write_bytes(body)
    return [
        (
            page.origin.removeprefix(str(file)),
            [item.event.parsed["eventID"] if isinstance(item, Recognized) else item.reason for item in page.items],
        )
        for page in pages([str(file)], connectors=KNOWN, **options)
    ]


TWO = {"b/one.json": LINES, "a/two.json.gz": gzip.compress(A)}
BOTH = [("!b/one.json", ["A", "B"]), ("!a/two.json.gz", ["A"])]
LONG = "x" * 150 + "/" + "y" * 150
FORMS = [
    pytest.param(tarred(TWO), BOTH, id="tar"),
    pytest.param(tarred(TWO, tarfile.GNU_FORMAT), BOTH, id="GNU tar"),
    pytest.param(tarred(TWO, tarfile.USTAR_FORMAT), BOTH, id="ustar"),
    pytest.param(gzip.compress(tarred(TWO)), BOTH, id="tar.gz"),
    pytest.param(zst(tarred(TWO)), BOTH, id="tar.zst"),
    pytest.param(zst(LINES), [("", ["A", "B"])], id="zst"),
    pytest.param(zst(A + b"\n") + zst(B), [("", ["A", "B"])], id="zst of two frames"),
    pytest.param(gzip.compress(zst(LINES)), [("", ["A", "B"])], id="zst in gzip"),
    pytest.param(tarred({LONG: LINES}), [("!" + LONG, ["A", "B"])], id="a long name"),
    pytest.param(tarred({LONG: LINES}, tarfile.GNU_FORMAT), [("!" + LONG, ["A", "B"])], id="a long name of GNU tar"),
    pytest.param(tarred({"._a": b"\0", "d/.b": b"\0", "c": A}), [("!c", ["A"])], id="hidden files"),
    pytest.param(tarred({"x.tgz": gzip.compress(tarred({"y": A}))}), [("!x.tgz!y", ["A"])], id="tar.gz in tar"),
    pytest.param(zipped("x.tar", tarred({"y.zst": zst(A)})), [("!x.tar!y.zst", ["A"])], id="zst in tar in zip"),
    pytest.param(zst(b""), [("", [])], id="zst of nothing"),
    pytest.param(tarred({"empty": b"", "c": A}), [("!empty", []), ("!c", ["A"])], id="an empty file in a tar"),
]


@pytest.mark.parametrize(("body", "wanted"), FORMS)
def test_the_files_in_an_archive_are_read_each_by_itself(
    tmp_path: Path, body: bytes, wanted: list[tuple[str, list[str]]]
) -> None:
    assert contents(tmp_path / "x", body) == wanted


UNREAD = [
    pytest.param(bz2.compress(LINES), "compressed with bzip2, which is not read; decompress it first", id="bzip2"),
    pytest.param(lzma.compress(LINES), "compressed with xz, which is not read; decompress it first", id="xz"),
    pytest.param(b"7z\xbc\xaf\x27\x1c\0\4", "a 7-Zip archive, which is not read; extract it first", id="7-Zip"),
    pytest.param(b"PAR1\x15\0", "a Parquet file, which is not read; export the events as JSON", id="Parquet"),
    pytest.param(tarred({}), "begins with zeros, like an empty tar archive", id="an empty tar"),
]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["alone", "in gzip"])
@pytest.mark.parametrize(("body", "reason"), UNREAD)
def test_a_format_that_is_not_read_is_named(
    tmp_path: Path, body: bytes, reason: str, pack: Callable[[bytes], bytes]
) -> None:
    ((_, (refused,)),) = contents(tmp_path / "x", pack(body))
    assert refused.startswith("cannot be read: it ")
    assert reason in refused


def test_text_that_begins_like_a_format_that_is_not_read_is_read(tmp_path: Path) -> None:
    assert contents(tmp_path / "x", b"BZh\n" + LINES)[0][1][1:] == ["A", "B"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"PK\5\6" + bytes(18), id="an empty zip"),
        pytest.param(zipped(".hidden", A), id="a zip of hidden files"),
        pytest.param(tarred({"._a": b"x"}), id="a tar of hidden files"),
    ],
)
def test_an_archive_without_files_is_skipped_and_named(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "x").write_bytes(body)
    (page,) = pages([str(tmp_path / "x")], connectors=KNOWN)
    assert (page.origin, page.skipped) == (
        str(tmp_path / "x"),
        "no files in this archive; hidden ones are not read",
    )
    assert list(page.items) == []


def test_only_regular_files_of_a_tar_are_read(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, kind in (("d", tarfile.DIRTYPE), ("s", tarfile.SYMTYPE), ("p", tarfile.FIFOTYPE)):
            header = tarfile.TarInfo(name)
            header.type, header.linkname = kind, "/etc/passwd"
            archive.addfile(header)
        header = tarfile.TarInfo("f")
        header.size = len(A)
        archive.addfile(header, io.BytesIO(A))
    assert contents(tmp_path / "x", packed.getvalue()) == [("!f", ["A"])]


def test_a_broken_archive_in_an_archive_is_refused_and_the_other_files_are_read(tmp_path: Path) -> None:
    body = tarred({"a": A, "b.zip": zipped("x", A)[:40], "c.gz": gzip.compress(A)[:3], "d.zst": zst(A)[:9], "e": B})
    assert contents(tmp_path / "x", body) == [
        ("!a", ["A"]),
        ("!b.zip", ["cannot be read: the zip archive is cut off or damaged: its list of files is missing"]),
        ("!c.gz", ["cannot be read: the compressed data is cut off; copy or download it again"]),
        ("!d.zst", ["cannot be read: the compressed data is cut off; copy or download it again"]),
        ("!e", ["B"]),
    ]


FILES = {"one": LINES, "two": LINES, "three": LINES}
WHOLE = tarred(FILES, tarfile.USTAR_FORMAT)
THIRD = 4 * BLOCK
"""Where the header of the third file begins: each has one block of header and one of content."""

DAMAGED = [
    pytest.param(WHOLE[: THIRD + BLOCK + 20], "!three", "unexpected end of data", id="cut off in a file"),
    pytest.param(WHOLE[: THIRD + 20], "", "cut off: truncated header", id="cut off in a header"),
    pytest.param(WHOLE[:THIRD], "", "cut off: empty header", id="cut off before a header"),
    pytest.param(WHOLE[:THIRD] + b"x" * BLOCK + WHOLE[THIRD:], "", "the archive is damaged", id="a damaged header"),
    pytest.param(
        WHOLE[:THIRD] + bytes(BLOCK) + WHOLE[THIRD + BLOCK :],
        "",
        "at byte 2,048 no file begins",
        id="a header of zeros",
    ),
    pytest.param(gzip.compress(WHOLE)[:-20], None, "the compressed data is cut off", id="gzip cut off"),
    pytest.param(zst(WHOLE)[:-5], None, "the compressed data is cut off", id="zst cut off"),
]


@pytest.mark.parametrize(("body", "place", "reason"), DAMAGED)
def test_what_precedes_the_damage_is_read_and_the_damage_is_told(
    tmp_path: Path, body: bytes, place: str | None, reason: str
) -> None:
    results = contents(tmp_path / "x", body)
    if place is not None:
        assert results[:2] == [("!one", ["A", "B"]), ("!two", ["A", "B"])]
    refused = [(origin, items[-1]) for origin, items in results if items[-1] not in ("A", "B")]
    assert any(reason in told for _, told in refused)
    assert place is None or refused[0][0] == place


def test_the_files_of_a_tar_after_damage_are_read(tmp_path: Path) -> None:
    """Zeros before a file are also in one tar that is appended to another."""
    for damage in (b"x" * BLOCK, bytes(2 * BLOCK)):
        hurt = WHOLE[: 2 * BLOCK] + damage + WHOLE[3 * BLOCK :]
        first, second, (place, (refusal,)) = contents(tmp_path / "x", hurt)
        assert (first, second) == (("!one", ["A", "B"]), ("!three", ["A", "B"]))
        assert place == ""
        assert "the archive is damaged: at byte 1,024 no file begins, so files may be missing; copy" in refusal


def test_a_sparse_file_in_a_tar_is_read(tmp_path: Path) -> None:
    """As `tar -S` writes it: the content, and in the header where it is in the file."""
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.GNUTYPE_SPARSE, len(LINES)
    block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    for at, number in ((386, 0), (398, len(LINES)), (483, len(LINES) + 1_000)):
        block[at : at + 12] = b"%011o\0" % number
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    padding = bytes(-len(LINES) % BLOCK + 2 * BLOCK)
    ((name, items),) = contents(tmp_path / "x", bytes(block) + LINES + padding)
    assert (name, items[:2]) == ("!x", ["A", "B"])


def test_a_tar_that_ends_with_many_zeros_may_lack_files(tmp_path: Path) -> None:
    assert contents(tmp_path / "x", WHOLE + bytes(1 << 19))[-1][1] == ["A", "B"]
    assert "files may be missing" in contents(tmp_path / "x", WHOLE + bytes(2 << 20))[-1][1][0]


def test_a_header_of_a_tar_that_would_take_much_memory_is_damage(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 33
    hurt = header.tobuf(tarfile.GNU_FORMAT) + WHOLE
    *_, (_, (refusal,)) = contents(tmp_path / "x", hurt)
    assert "at byte 0 no file begins" in refusal


def zip_of(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, body in files.items():
            archive.writestr(zipfile.ZipInfo(name), body, compress_type=method)
    return bytearray(packed.getvalue())


NAMES = ["network", "one", "two-o"]
MISSING = "cannot be read: the zip archive is damaged, or data was appended to it"


@pytest.mark.parametrize(
    ("name", "damaged"), [(b"network", b".etwork"), (b"two-o", b"two-/")], ids=["hidden", "a folder"]
)
def test_damage_to_a_name_in_a_zip_hides_no_file(tmp_path: Path, name: bytes, damaged: bytes) -> None:
    packed = zip_of(dict.fromkeys(NAMES, LINES))
    at = packed.rindex(name)
    packed[at : at + len(name)] = damaged
    items = [item for _, items in contents(tmp_path / "x", bytes(packed)) for item in items]
    (refusal,) = (item for item in items if item not in ("A", "B"))
    assert "differ" in refusal
    assert items.count("A") == len(NAMES) - 1


def test_a_file_that_the_list_of_a_zip_lacks_is_told(tmp_path: Path) -> None:
    packed = zip_of(dict.fromkeys(NAMES, LINES))
    directory = packed.index(b"PK\1\2")
    second = packed.index(b"PK\1\2", directory + 1)
    fewer = bytearray(packed)
    fewer[-10:-6] = (int.from_bytes(packed[-10:-6], "little") - (second - directory)).to_bytes(4, "little")
    comment = bytearray(packed)
    comment[directory + 32] = len(packed) - 22 - second  # The other entries become a comment of the first.
    outer = zip_of({"a.zip": bytes(packed), "b": LINES}, zipfile.ZIP_STORED)
    for hurt in (fewer, comment, outer[: outer.rindex(b"PK\1\2")], packed + b"more"):
        items = [item for _, items in contents(tmp_path / "x", bytes(hurt)) for item in items]
        assert items[-1].startswith(MISSING)
        assert "A" in items or hurt is fewer


def test_an_empty_zip_in_a_zip_is_complete(tmp_path: Path) -> None:
    assert contents(tmp_path / "x", bytes(zip_of({"a.zip": bytes(zip_of({})), "b": LINES})))[-1] == ("!b", ["A", "B"])


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_no_damage_to_a_zip_is_an_unknown_error(tmp_path: Path, method: int) -> None:
    packed, chance = zip_of(dict.fromkeys(NAMES, LINES), method), random.Random(3)
    for _ in range(200):
        hurt = bytearray(packed)
        hurt[chance.randrange(len(hurt))] = chance.randrange(256)
        del hurt[(at := chance.randrange(len(hurt))) : at + chance.choice([0, 0, 7])]
        items = [item for _, items in contents(tmp_path / "x", bytes(hurt)) for item in items]
        assert items.count("A") == 3 or any(item not in ("A", "B") for item in items)


def test_half_a_character_of_utf16_spoils_one_event(tmp_path: Path) -> None:
    text = b"\n".join([A, A.replace(b"Get", b"###"), B]).decode()
    packed = text.encode("utf-16").replace("###".encode("utf-16-le"), b"\x00\xd8#\0#\0")
    items = contents(tmp_path / "x", packed)[0][1]
    assert (items[0], items[-1], len(items)) == ("A", "B", 3)


def test_a_truncated_zst_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    many = b"".join(json.dumps({**json.loads(A), "x": "y" * number}).encode() + b"\n" for number in range(3_000))
    ((_, items),) = contents(tmp_path / "x", zst(many)[:-100])
    assert items[0] == "A"
    assert "though no checksum confirms them; copy" in items[-1]


def test_events_before_a_cut_are_read_however_little_they_are(tmp_path: Path) -> None:
    many = differing(300)
    packed, archive = gzip.compress(many), tarred({"f": many})
    for body, share in ((packed[: len(packed) // 2], 2), (archive[: len(many) // 3], 3)):
        items = contents(tmp_path / "x", body)[0][1]
        assert items[: len(many.splitlines()) // share - 10] == ["A"] * (300 // share - 10)
        assert "cannot be read" in items[-1]


def zst_with_checksum(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(body)


@pytest.mark.parametrize("pack", [gzip.compress, zst_with_checksum, partial(zipped, "x")])
def test_an_event_is_read_only_if_its_checksum_matches(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """Damaged data can often be decompressed, to other text; checksums come last."""
    many = differing(3_000)
    packed = pack(many)
    chance = random.Random(1)
    for _ in range(30):
        damaged = bytearray(packed)
        damaged[chance.randrange(50, len(packed) - 200)] ^= 1 << chance.randrange(8)
        ((_, (refusal,)),) = contents(tmp_path / "x", bytes(damaged))
        assert refusal.startswith("cannot be read: the compressed data is damaged")


@pytest.mark.parametrize("pack", [gzip.compress, zst_with_checksum])
def test_parts_before_a_damaged_one_are_read(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    damaged = bytearray(pack(LINES * 50))
    damaged[-2] ^= 1
    for whole in (
        bytes(pack(LINES) + damaged),
        tarred({"x.log": pack(LINES) + damaged}),
        zipped("x.log", pack(LINES) + damaged),
    ):
        *events, refusal = contents(tmp_path / "x", whole)[0][1]
        assert events == ["A", "B"]
        assert (
            f"data is damaged after the first {len(LINES)} bytes of its content; copy or download it again" in refusal
        )


def event(number: int, chance: random.Random) -> bytes:
    return json.dumps({**json.loads(A), "eventID": f"{number}", "x": chance.randbytes(20).hex()}).encode() + b"\n"


def lose_a_sector(packed: bytearray, chance: random.Random) -> None:
    at = chance.randrange(0, len(packed), BLOCK)
    packed[at : at + BLOCK] = bytes(len(packed[at : at + BLOCK]))


def lose_the_end(packed: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(packed) - 100)
    packed[at:] = bytes(len(packed) - at)


def flip_late(packed: bytearray, chance: random.Random) -> None:
    packed[-chance.randrange(1, 300)] ^= 1 << chance.randrange(8)


def flip_many(packed: bytearray, chance: random.Random) -> None:
    for _ in range(20):
        packed[chance.randrange(len(packed))] ^= 1 << chance.randrange(8)


def drop(packed: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(packed))
    del packed[at : at + BLOCK]


def gzip_of_level(level: int) -> Callable[[bytes], bytes]:
    return partial(gzip.compress, compresslevel=level, mtime=0)


@pytest.mark.parametrize("hurt", [lose_a_sector, lose_the_end, flip_late, flip_many, drop])
@pytest.mark.parametrize(
    "pack",
    [
        *map(gzip_of_level, (0, 1, 9)),
        zst_with_checksum,
        partial(zipped, "x"),
        lambda body: gzip.compress(tarred({"x": body})),
    ],
    ids=["gzip -0", "gzip -1", "gzip -9", "zst", "zip", "tar.gz"],
)
def test_damage_that_looks_like_a_cut_alters_no_event(
    tmp_path: Path, pack: Callable[[bytes], bytes], hurt: Callable[[bytearray, random.Random], None]
) -> None:
    """Damage may hide the end of the compressed data; then all that follows it is decompressed to something else."""
    chance = random.Random(7)
    for _ in range(20):
        events = [event(number, chance) for number in range(60)]
        packed = bytearray(pack(b"".join(events)))
        hurt(packed, chance)
        (tmp_path / "x").write_bytes(packed)
        items = [item for page in pages([str(tmp_path / "x")], connectors=KNOWN) for item in page.items]
        raw = [item.event.raw + b"\n" for item in items if isinstance(item, Recognized)]
        assert set(raw) <= set(events)
        assert len(raw) == len(events) or any(isinstance(item, Refusal) for item in items)


def test_a_file_that_is_cut_off_and_has_lost_a_sector_is_damaged(tmp_path: Path) -> None:
    chance = random.Random(5)
    packed = gzip.compress(differing(300), compresslevel=1)
    for _ in range(20):
        hurt = bytearray(packed[: chance.randrange(len(packed) * 3 // 4, len(packed) - 100)])
        at = chance.randrange(100, len(hurt) - BLOCK)
        hurt[at : at + BLOCK] = bytes(BLOCK)
        ((_, (refusal,)),) = contents(tmp_path / "x", bytes(hurt))
        assert refusal.startswith("cannot be read: the compressed data is damaged")


@pytest.mark.parametrize("pack", [gzip.compress, zst_with_checksum, partial(zipped, "x")])
def test_a_file_that_is_cut_off_while_it_is_read_alters_no_event(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    lines, file = differing(40_000), tmp_path / "x"
    file.write_bytes(pack(lines))
    reading = pages([str(file)], connectors=KNOWN)
    page = next(reading)
    items = list(islice(page.items, 10))
    with file.open("r+b") as stream:
        stream.truncate(len(pack(lines)) // 2)
    items += page.items
    for page in reading:
        items += page.items
    raw = [item.event.raw for item in items if isinstance(item, Recognized)]
    assert raw == lines.splitlines()[: len(raw)]
    assert any(isinstance(item, Refusal) for item in items)


def test_zeros_between_members_of_gzip_are_not_damage(tmp_path: Path) -> None:
    cut = gzip.compress(LINES * 9)[:-4]
    items = contents(tmp_path / "x", gzip.compress(LINES) + bytes(100_000) + cut)[0][1]
    assert items[:-1] == ["A", "B"] * 10
    assert "the compressed data is cut off" in items[-1]


def piped(body: bytes) -> Recognized | Refusal:
    """The only item of a body that comes through a pipe."""
    read, write = os.pipe()
    os.write(write, body)
    os.close(write)
    try:
        (page,) = pages([f"/dev/fd/{read}"], connectors=KNOWN)
        (item,) = page.items
    finally:
        os.close(read)
    return item


def test_a_pipe_is_checked_as_well() -> None:
    refusal = piped(gzip.compress(LINES)[:-5] + b"xxxxx")
    assert isinstance(refusal, Refusal)
    assert "the compressed data is damaged" in refusal.reason


@pytest.mark.parametrize("free", [0, 1 << 40])
def test_the_copy_of_a_pipe_leaves_room_on_its_disk(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """A store may be on the same disk."""
    monkeypatch.setattr(counted, "_IN_MEMORY", 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=1 << 40, free=free))
    item = piped(gzip.compress(A))
    if free:
        assert isinstance(item, Recognized)
    else:
        assert isinstance(item, Refusal)
        assert item.reason.endswith(
            "No space left on device; name a folder with more room in TMPDIR, or unpack it first"
        )


def test_a_temporary_copy_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "_IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    *_, (_, (refusal,)) = contents(tmp_path / "x", tarred({"a.gz": gzip.compress(A)}))
    assert "to be checked; after 0 bytes: No such file or directory; name a folder with more room in TMPDIR" in refusal


def test_a_closed_standard_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # As in `casbah ingest - <&-`.
    (page,) = pages(["-"], connectors=KNOWN)
    (refusal,) = page.items
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "cannot be read: standard input is closed"


def test_a_zip_in_a_zip_is_decompressed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step back in a compressed file costs as much as all that precedes it."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "cba":  # They are read in the order of their names.
            archive.writestr(name, LINES)
        archive.writestr("d", gzip.compress(A))
    steps: list[tuple[int, ...]] = []
    seek = zipfile.ZipExtFile.seek

    def watched(file: zipfile.ZipExtFile, *step: int) -> int:
        steps.append(step)
        return seek(file, *step)

    monkeypatch.setattr(zipfile.ZipExtFile, "seek", watched)
    expected = [*((f"!inner!{name}", ["A", "B"]) for name in "abc"), ("!inner!d", ["A"])]
    assert contents(tmp_path / "x", zipped("inner", inner.getvalue())) == expected
    assert steps == []


def test_members_of_gzip_follow_each_other(tmp_path: Path) -> None:
    packed = gzip.compress(LINES) + bytes(700) + gzip.compress(b"") + gzip.compress(LINES)
    assert contents(tmp_path / "x", packed) == [("", ["A", "B", "A", "B"])]
    *events, refusal = contents(tmp_path / "x", packed + b"x" * 20)[0][1]
    assert events == ["A", "B", "A", "B"]
    assert refusal.startswith("cannot be read: the compressed data is damaged")


def test_what_unpacks_to_too_much_is_stopped(tmp_path: Path) -> None:
    for bomb in (zst(LINES + b" " * 10_000_000), gzip.compress(tarred({"f": LINES + b" " * 10_000_000}))):
        ((_, items),) = contents(tmp_path / "x", bomb, limits=InputLimits(unpacked=2_000_000))[:1]
        assert items[-1] == "cannot be read: unpacks to more than 2000000 bytes"


def test_a_tar_of_many_files_does_not_keep_their_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a folder of a million log files would not fit in memory."""
    most: list[int] = []
    read = tarfile.TarFile.next

    def counting(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
        entry = read(archive)
        most.append(len(archive.members))  # type: ignore[attr-defined]
        return entry

    monkeypatch.setattr(tarfile.TarFile, "next", counting)
    assert len(contents(tmp_path / "x", tarred({f"f{number}": A for number in range(50)}))) == 50
    assert max(most) == 1
