"""Stops files over 600 lines, functions over 60, and too many suppressions; prints the spread."""

import ast
import re
import statistics
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_LONGEST_FILE = 600
_LONGEST_FUNCTION = 60
_SUPPRESSIONS_PER_KLOC = 1.0
_SUPPRESSION = re.compile(r"#\s*(noqa|type:\s*ignore)")


def main() -> int:
    """Print the distribution; 1 when something is over its stop."""
    sizes: dict[Path, int] = {}
    functions: list[tuple[int, str]] = []
    suppressions = 0
    for path in sorted((_ROOT / "src").rglob("*.py")):
        text = path.read_text()
        sizes[path] = text.count("\n")
        suppressions += len(_SUPPRESSION.findall(text))
        functions += _functions(path, ast.parse(text))
    lines = sum(sizes.values())
    lengths = [length for length, _ in functions]
    print(
        f"{len(sizes)} files, {lines} lines; file median {statistics.median(sizes.values()):.0f}, "
        f"max {max(sizes.values())}; function median {statistics.median(lengths):.0f}, "
        f"max {max(lengths)}; {suppressions / lines * 1000:.2f} suppressions per 1000 lines"
    )
    faults = [f"{p.relative_to(_ROOT)}: {n} lines" for p, n in sizes.items() if n > _LONGEST_FILE]
    faults += [f"{where}: {n} lines" for n, where in functions if n > _LONGEST_FUNCTION]
    if suppressions / lines * 1000 > _SUPPRESSIONS_PER_KLOC:
        faults.append(f"{suppressions} suppressions in {lines} lines")
    for fault in faults:
        print(f"too large: {fault}; split it", file=sys.stderr)
    return 1 if faults else 0


def _functions(path: Path, tree: ast.Module) -> list[tuple[int, str]]:
    return [
        (node.end_lineno - node.lineno + 1, f"{path.relative_to(_ROOT)}:{node.lineno} {node.name}")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]


if __name__ == "__main__":
    sys.exit(main())
