"""`fengqiao prepare`: what services in containers are given from outside, for development."""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from deploy.local.issuer import make_keys
from deploy.local.runtime import SERVICES
from services.cli.demo.command import demo_sites
from services.cli.demo.second.perform import replay_site

FOLDER = Path("deploy/compose/local")


def prepare(
    folder: Annotated[Path, typer.Argument(help="Where to; deploy/compose reads its own folder.")] = FOLDER,
) -> None:
    """Make keys and the demo's sites for services in containers; keys that are there stay."""
    keys, sites = folder / "keys", folder / "sites"
    folder.mkdir(parents=True, exist_ok=True)
    keys.mkdir(mode=0o700, exist_ok=True)
    make_keys(keys, list(SERVICES))
    # A container's user is another than the files' owner and gets them one by one. On this machine nobody but
    # the owner comes past the folder.
    for path in keys.iterdir():
        path.chmod(0o644)
    with tempfile.TemporaryDirectory(prefix="fengqiao-sites-") as links:
        demo_sites(Path(links))
        replay_site(Path(links))
        shutil.copytree(links, sites, dirs_exist_ok=True)
    for path in (sites, *sites.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    typer.echo(f"keys   {keys}\nsites  {sites}")
