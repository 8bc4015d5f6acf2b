"""The compiled kernel on disk: what is damaged is compiled anew, what cannot be kept is said."""

import os
import re
import resource
from hashlib import sha256
from pathlib import Path

import pytest
from numba import njit

from tests.project import python
from tinygrad_lite import Program, Value, exp
from tinygrad_lite.replay.kernel import kernel
from tinygrad_lite.replay.kernel_file import KernelFile
from tinygrad_lite.replay.kernel_loops import GROUP


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return tmp_path / "tinygrad_lite"


def plus(n):
    """A compiled function that is kept where any other is: it adds n, or what the one on disk adds."""
    function = njit(lambda x: x + n)
    function._cache = KernelFile("small")
    return function


def test_what_was_compiled_once_is_found_again(folder):
    assert plus(1.0)(2.0) == 3.0
    assert plus(10.0)(2.0) == 3.0
    assert len([*folder.iterdir()]) == 1


DAMAGES = {
    "empty": lambda content: b"",
    "a few bytes": lambda content: content[:10],
    "checksum alone": lambda content: content[:32],
    "half": lambda content: content[: len(content) // 2],
    "a byte less": lambda content: content[:-1],
    "a byte more": lambda content: content + b"\0",
    "another beginning": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "another end": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "another byte in the code": lambda content: content.replace(b"ELF", b"elf", 1),
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_compiled_anew(folder, damage):
    plus(1.0)(2.0)
    [file] = folder.iterdir()
    whole = file.read_bytes()
    assert damage(whole) != whole
    file.write_bytes(damage(whole))
    assert plus(10.0)(2.0) == 12.0
    assert plus(1.0)(2.0) == 12.0  # and kept again


def test_a_folder_in_place_of_the_file_is_said(folder):
    plus(1.0)(2.0)
    [file] = folder.iterdir()
    file.unlink()
    file.mkdir()
    with pytest.warns(
        RuntimeWarning, match=r"^the compiled kernel cannot be kept \(.*\), and each process compiles it"
    ):
        assert plus(10.0)(2.0) == 12.0


@pytest.mark.parametrize("home", ["/dev/null", "a file", None])
def test_a_folder_that_cannot_be_written_to_is_said(tmp_path, monkeypatch, home):
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / home) if home else "")
    if home is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("Could not determine home")))
    with pytest.warns(
        RuntimeWarning, match=r"^the compiled kernel cannot be kept \(.*\), .*: let NUMBA_CACHE_DIR be a "
    ):
        assert plus(1.0)(2.0) == 3.0


def test_a_full_disk_is_said_and_leaves_nothing(folder):
    function = plus(1.0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.warns(RuntimeWarning, match=r"^the compiled kernel cannot be kept \(.*too large"):
            assert function(2.0) == 3.0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [*folder.iterdir()] == []


def test_a_program_finds_its_kernel_damaged(tmp_path):
    """Cut short, or with another byte in the machine code. It is compiled anew, one line says so, and whole again."""
    x = Value(3.0)
    # enough samples for the kernel to be worth its call; compiled by now, and kept
    wanted = Program(exp(x), [], [x]).outputs([], [[1.0], [2.0]] * 200)
    (tmp_path / "tinygrad_lite").mkdir()
    signatures = {x.__name__: next(iter(x.overloads.values())).signature for x in kernel()}
    signatures |= dict.fromkeys(["exp", "not_finite", "products", "layer", "chains", "scalar_chains", "strips"], GROUP)
    damages = {"chains": lambda whole: whole[:-100], "exp": lambda whole: whole.replace(b"ELF", b"elf", 1)}
    names = {}
    for name, signature in signatures.items():
        path = KernelFile(name).path(signature, kernel()[0].targetctx.codegen())
        names[name] = path.name
        whole = path.read_bytes()
        (tmp_path / "tinygrad_lite" / path.name).write_bytes(damages.get(name, bytes)(whole))
    code = "from tinygrad_lite import Program, Value, exp; x = Value(3.0)"
    code += "; print(Program(exp(x), [], [x]).outputs([], [[1.0], [2.0]] * 200))"
    for lines in (1, 0):
        done = python("-W", "error", "-c", code, env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)})
        assert done.stdout == f"{wanted}\n"
        said = done.stderr.splitlines()
        assert len(said) == lines
        assert all(re.match("tinygrad_lite compiles .* this machine: once", line) for line in said)
    for name in damages:
        content = (tmp_path / "tinygrad_lite" / names[name]).read_bytes()
        assert content[:32] == sha256(content[32:]).digest()
