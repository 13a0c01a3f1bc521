"""Digests of files, and the records that spare reading them again."""

import hashlib
import os
from pathlib import Path

from sd_nodes.digests import digest_file, digest_files


def test_the_digest_is_the_contents_sha256(tmp_path: Path) -> None:
    """Any tool can check it."""
    path = tmp_path / "a"
    path.write_bytes(b"weights")
    assert digest_file(path, None) == hashlib.sha256(b"weights").hexdigest()


def test_an_unchanged_file_is_answered_from_its_record(tmp_path: Path) -> None:
    """The record is what is read: another record gives another answer."""
    path, state = tmp_path / "a", tmp_path / "state"
    path.write_bytes(b"weights")
    digest_file(path, state)
    (record,) = (state / "digests").iterdir()
    record.write_text("f" * 64)
    assert digest_file(path, state) == "f" * 64


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Neither the same size nor a restored time hides a file that was put in its place."""
    path, state = tmp_path / "a", tmp_path / "state"
    path.write_bytes(b"old")
    before, times = digest_file(path, state), path.stat()
    other = tmp_path / "b"
    other.write_bytes(b"new")
    other.replace(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert digest_file(path, state) != before


def test_a_damaged_record_is_ignored(tmp_path: Path) -> None:
    """A record of the wrong length is written anew."""
    path, state = tmp_path / "a", tmp_path / "state"
    path.write_bytes(b"weights")
    digest_file(path, state)
    (record,) = (state / "digests").iterdir()
    record.write_text("")
    assert digest_file(path, state) == record.read_text() == hashlib.sha256(b"weights").hexdigest()


def test_several_files_are_told_apart_by_name_and_content(tmp_path: Path) -> None:
    """Order does not count, names and contents do."""
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"1")
    b.write_bytes(b"2")
    both = digest_files(tmp_path, [a, b], None)
    assert both == digest_files(tmp_path, [b, a], None) != digest_files(tmp_path, [a], None)
    a.write_bytes(b"2")
    b.write_bytes(b"1")
    assert digest_files(tmp_path, [a, b], None) != both
