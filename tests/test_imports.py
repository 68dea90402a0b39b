"""Which room may import which: one direction, and no command another. Imports inside functions count too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMANDS = {"run", "compare", "report", "results", "explain", "paper"}
CONFIG = {"simclr_core.config", "simclr_core.errors", "simclr_core.sources"}
# Each room of ablations/, and all that it may import of ours.
ROOMS: dict[str, set[str]] = {
    "console": {"simclr_core.errors"},
    "published": {"simclr_core.errors"},
    "stats": {"simclr_core.errors"},
    "studies": {"published", *CONFIG},
    "store": {"console", *CONFIG},
    "tables": {"console", "published", "stats", "store", "studies", *CONFIG},
    "figures": {"console", "stats", "store", "studies", "tables", "simclr_core"},
    "pictures": {"console", "figures", "studies", "simclr_core"},
    "sweep": {"console", "store", "studies", "simclr_core"},
    "verdicts": {"console", "stats", "store", "studies", "tables", *CONFIG},
    "outputs": {"console", "figures", "store", "studies", "sweep", "tables", "verdicts", *CONFIG},
    "pages": {"console", "figures", "outputs", "stats", "store", "studies", "tables", "verdicts", *CONFIG},
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Dotted names of what a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def room_of(name: str) -> str:
    """console of ablations.console.text; a command's own name; simclr_core.config of what is in it."""
    parts = name.split(".")
    return parts[1] if parts[0] == "ablations" else ".".join(parts[:2])


def test_every_room_says_its_purpose() -> None:
    folders = {path.parent.name for path in (ROOT / "ablations").glob("*/__init__.py")}
    assert folders == set(ROOMS)
    for room in ROOMS:
        assert ast.get_docstring(ast.parse((ROOT / "ablations" / room / "__init__.py").read_text())), room


def test_beside_the_rooms_there_are_the_commands_alone() -> None:
    assert {path.stem for path in (ROOT / "ablations").glob("*.py")} == {"__init__", *COMMANDS}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    found = 0
    for path in modules(f"ablations/{room}"):
        for name in imported(path):
            if name.split(".")[0] not in ("ablations", "simclr_core") or name == "ablations":
                continue
            found += 1
            core = name.startswith("simclr_core.") and "simclr_core" in ROOMS[room]
            assert core or room_of(name) in {room, *ROOMS[room]}, f"{path.relative_to(ROOT)} imports {name}"
    assert found or room in ("published", "stats")


def test_no_module_imports_a_command() -> None:
    for path in modules("ablations"):
        for name in imported(path):
            assert not (name.startswith("ablations.") and room_of(name) in COMMANDS), f"{path.name} imports {name}"


def test_ray_is_imported_in_the_sweep_alone() -> None:
    for path in modules("ablations") + modules("simclr_core"):
        if path.parent.name != "sweep":
            assert not [name for name in imported(path) if name.split(".")[0] == "ray"], path


def test_the_core_imports_neither_the_harness_nor_plotting() -> None:
    for path in modules("simclr_core"):
        tops = {name.split(".")[0] for name in imported(path)}
        assert not tops & {"ablations", "ray", "pandas", "seaborn", "matplotlib"}, path
