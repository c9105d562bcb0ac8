"""Print the condition table of a plate as JSON; runs in the environment of the collected package.

python read_conditions.py PLATE
"""

from __future__ import annotations

import json
import sys

from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.tables import read_table


def main(plate: str) -> None:
    """One object per row, with the name of the well."""
    table = read_table(open_store(plate), "", "condition_table")
    rows = [dict(zip(table, values)) for values in zip(*table.values())]
    print(json.dumps([{**row, "well": f"{row['row']}{int(row['column']):02d}"} for row in rows], default=str))


if __name__ == "__main__":
    main(sys.argv[1])
