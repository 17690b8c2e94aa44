"""What the default content filter finds in published data: `pointsman guards eval` over all of it.

    python benchmarks/guards.py --data DIR [--json] [any option of `pointsman guards eval`]

DIR holds a folder for each set, as `guard_data.py` says; without it POINTSMAN_TEST_DATA names the
folder that holds `guard`. Attacks and marked values are also smuggled in six ways. Every source has
its own figures: sets differ in what they call an attack, and a pooled share would mean nothing.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from guard_data import rows

from pointsman.views.cli.main import cli


def main() -> None:
    """Convert, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    told = os.environ.get("POINTSMAN_TEST_DATA")
    parser.add_argument("--data", type=Path, default=Path(told) / "guard" if told else None)
    given, more = parser.parse_known_args()
    if given.data is None or not given.data.is_dir():
        parser.error("there is no such folder: give --data DIR, or set POINTSMAN_TEST_DATA")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.jsonl"
        with file.open("w", encoding="utf-8") as out:
            written = sum(out.write(json.dumps(row) + "\n") > 0 for row in rows(given.data))
        if not written:
            sys.exit(f"{given.data} holds none of the sets.")
        cli.main(["guards", "eval", str(file), "--smuggle", *more], prog_name="pointsman")


if __name__ == "__main__":
    main()
