#!/bin/sh
# Makes the development environment: make_environment.sh [DIR]
# Takes uv when it is there, otherwise the first Python >= 3.12 it finds (pyenv's interpreters count).
set -eu
venv=${1:-.venv}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-} python3.12 python3.13 python3.14 python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python3; do
        if is_new_enough "$candidate"; then
            # the interpreter itself, not a shim that may change its mind elsewhere
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

if command -v uv >/dev/null 2>&1; then
    [ -x "$venv/bin/python" ] || uv venv -q --python '>=3.12' "$venv"
    uv pip install -q --python "$venv/bin/python" -e ".[all]" --group dev
    exit 0
fi

python=$(find_python) || {
    echo "No Python 3.12 or newer found. Install one (or uv), or name it: PYTHON=/path/to/python make test" >&2
    exit 2
}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install -q --disable-pip-version-check -U "pip>=25.1"
"$venv/bin/python" -m pip install -q --disable-pip-version-check -e ".[all]" --group dev
