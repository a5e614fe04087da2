"""Writes the Python code of the contracts: messages, gRPC stubs and their types, from protos/**/*.proto.

`python tools/generate.py` replaces what is generated; with `--check` it writes nothing and exits 1 when the
committed code isn't what the protos give. The same protos and the locked tools give the same bytes on every
machine.
"""

import filecmp
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from google.rpc import status_pb2
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
GENERATED = PROTOS / "gen" / "python"
PLUGINS = Path(sys.executable).parent


def generate(target: Path) -> None:
    """Compiles every proto into `target`. Raises SystemExit with protoc's code when one doesn't compile."""
    sources = sorted(path for folder in ("buf", "fengqiao") for path in (PROTOS / folder).rglob("*.proto"))
    includes = [PROTOS, Path(str(files("grpc_tools"))) / "_proto", Path(status_pb2.__file__).parents[2]]
    code = protoc.main(
        [
            "protoc",
            *(f"--proto_path={folder}" for folder in includes),
            f"--plugin=protoc-gen-mypy={PLUGINS / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={PLUGINS / 'protoc-gen-mypy_grpc'}",
            f"--python_out={target}",
            f"--grpc_python_out={target}",
            f"--mypy_out=quiet:{target}",
            f"--mypy_grpc_out=quiet,async_only:{target}",
            *(str(source) for source in sources),
        ],
    )
    if code:
        sys.exit(code)
    for source in sources:
        if "\nservice " not in source.read_text(encoding="utf-8"):
            stem = target / source.relative_to(PROTOS).with_suffix("")
            for suffix in (".py", ".pyi"):
                stem.with_name(f"{stem.name}_pb2_grpc{suffix}").unlink(missing_ok=True)
    package = target / "fengqiao"
    if package.is_dir():
        for folder in (package, *(path for path in package.rglob("*") if path.is_dir())):
            (folder / "__init__.py").touch()
        (package / "py.typed").touch()


def tree(folder: Path) -> set[Path]:
    """The files below a folder, relative to it, without bytecode."""
    return {
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def main() -> None:
    """Generates, or checks what is there."""
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        generate(fresh)
        if "--check" in sys.argv[1:]:
            wanted, found = tree(fresh), tree(GENERATED)
            stale = (wanted ^ found) | {
                path
                for path in wanted & found
                if not filecmp.cmp(fresh / path, GENERATED / path, shallow=False)
            }
            if stale:
                sys.exit("Generated code is stale, run `make gen`: " + ", ".join(sorted(map(str, stale))))
            return
        shutil.rmtree(GENERATED, ignore_errors=True)
        shutil.copytree(fresh, GENERATED)


if __name__ == "__main__":
    main()
